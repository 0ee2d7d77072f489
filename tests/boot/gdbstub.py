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


def patch(path, address, code):
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(30)
        link.connect(path)
        link.sendall(_packet("?"))
        assert _answer(link)[0] in "TS"
        link.sendall(_packet("M%x,%x:%s" % (address, len(code), code.hex())))
        assert _answer(link) == "OK"
        link.sendall(_packet("D"))
        assert _answer(link) == "OK"
