# SPDX-License-Identifier: MIT
"""Changes memory of a machine through QEMU's GDB stub: patch(socket, address, bytes). The machine runs on afterwards.

Packets of the GDB remote protocol: $text#sum, answered by + and a packet.
"""
import socket


def _packet(text):
    return ("$%s#%02x" % (text, sum(text.encode()) & 0xff)).encode()


def _answer(link):
    data = b""
    while b"#" not in data or len(data) < data.index(b"#") + 3:
        more = link.recv(4096)
        assert more, "QEMU closed the debugger's connection"
        data += more
    link.sendall(b"+")
    return data[data.index(b"$") + 1:data.index(b"#")].decode()


def _command(link, text):
    """The answer to one command; reports that the machine has stopped come whenever it stops."""
    link.sendall(_packet(text))
    answer = _answer(link)
    while answer[:1] in ("S", "T"):
        answer = _answer(link)
    return answer


def patch(path, address, code):
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(30)
        link.connect(path)
        link.sendall(_packet("?"))  # stops the machine; what comes before it has stopped may be lost
        _answer(link)
        for command in ("M%x,%x:%s" % (address, len(code), code.hex()), "D"):
            answer = _command(link, command)
            assert answer == "OK", "%s: %s" % (command, answer)
