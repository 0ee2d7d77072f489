# SPDX-License-Identifier: MIT
"""A machine's memory and progress through QEMU's GDB stub, over the socket of `-gdb unix:PATH,server=on,wait=off`.

    with Debugger(path) as d:           the machine stands still inside, and runs on afterwards
        d.write(address, code)
        d.run_to(address)
        d.run_to_any(addresses); d.register(0); d.set_register(0, value)
        d.instructions()                under -icount ...,rr=record: what has been executed so far

Packets of the GDB remote protocol: $text#sum, answered by + and a packet.
"""
import contextlib
import re
import socket
import time

MAYBE_ENDED = contextlib.suppress(BrokenPipeError, ConnectionResetError)  # the machine


def _packet(text):
    return ("$%s#%02x" % (text, sum(text.encode()) & 0xff)).encode()


class Debugger:
    def __init__(self, path, timeout=30):
        self.link = socket.socket(socket.AF_UNIX)
        self.link.settimeout(timeout)
        self._connect(path, time.monotonic() + timeout)
        self.pending = b""

    def _connect(self, path, end):
        """QEMU makes the socket when it has started."""
        while True:
            try:
                return self.link.connect(path)
            except FileNotFoundError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def __enter__(self):
        self.link.sendall(_packet("?"))  # stops the machine; what comes before it has stopped may be lost
        self._answer()
        self._command("qXfer:features:read:target.xml:0,ffb")  # without it single registers are not to be had
        return self

    def __exit__(self, *_):
        with self.link, MAYBE_ENDED:
            self.link.sendall(_packet("D"))

    def _answer(self):
        while not re.search(rb"\$[^#]*#..", self.pending):
            more = self.link.recv(4096)
            assert more, "QEMU closed the debugger's connection"
            self.pending += more
        found = re.search(rb"\$([^#]*)#..", self.pending)
        self.pending = self.pending[found.end():]
        with MAYBE_ENDED:
            self.link.sendall(b"+")
        return found.group(1).decode()

    def _command(self, text):
        """The answer to one command; reports that the machine has stopped come whenever it stops."""
        self.link.sendall(_packet(text))
        answer = self._answer()
        while answer[:1] in ("S", "T"):
            answer = self._answer()
        return answer

    def _expect_ok(self, command):
        answer = self._command(command)
        assert answer == "OK", "%s: %s" % (command, answer)

    def write(self, address, code):
        self._expect_ok("M%x,%x:%s" % (address, len(code), code.hex()))

    def run_to(self, address):
        """Goes on until the instruction at the address is next."""
        self._expect_ok("Z1,%x,1" % address)
        self.link.sendall(_packet("c"))
        answer = self._answer()
        assert answer.startswith("T05"), answer
        self._expect_ok("z1,%x,1" % address)

    def run_to_any(self, addresses):
        """Goes on by at least one instruction until one of these is next: which; None: the machine has ended."""
        self.link.sendall(_packet("s"))
        assert self._answer().startswith("T05")
        for address in addresses:
            self._expect_ok("Z1,%x,4" % address)
        self.link.sendall(_packet("c"))
        answer = self._answer()
        if answer.startswith("W"):
            return None
        assert answer.startswith("T05"), answer
        for address in addresses:
            self._expect_ok("z1,%x,4" % address)
        return self.register(32)

    def register(self, number):
        """64 bits each: on Arm x0 to x30, sp, pc."""
        return int.from_bytes(bytes.fromhex(self._command("p%x" % number)), "little")

    def set_register(self, number, value):
        self._expect_ok("P%x=%s" % (number, value.to_bytes(8, "little").hex()))

    def instructions(self):
        self.link.sendall(_packet("qRcmd,%s" % b"info replay".hex()))
        said = ""
        answer = self._answer()
        while answer != "OK":
            said += bytes.fromhex(answer[1:]).decode() if answer.startswith("O") else ""
            answer = self._answer()
        return int(re.search(r"instruction count = (\d+)", said).group(1))
