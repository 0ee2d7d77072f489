# SPDX-License-Identifier: MIT
"""A client of the xenstore wire over the Unix socket, for tests and measurements.

    c = Client("/run/xenstored/socket")
    c.write("/a", b"x"); c.read("/a"); c.call(DIRECTORY, "/a"); t = c.begin(); c.commit(t)
    c.pipeline([(WRITE, 0, b"/a\\0x"), ...])      # sent together, answers read together
Errors are raised as Error with the daemon's word (ENOENT).
"""
import socket
import struct

(CONTROL, DIRECTORY, READ, GET_PERMS, WATCH, UNWATCH, START, END, INTRODUCE, RELEASE, GET_DOMAIN_PATH, WRITE, MKDIR, RM,
 SET_PERMS, EVENT, ERROR, IS_INTRODUCED, RESUME, SET_TARGET) = range(20)
RESET_WATCHES, DIRECTORY_PART = 21, 22


class Error(Exception):
    pass


class Client:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.buffer = b""
        self.events = []

    def close(self):
        self.sock.close()

    @staticmethod
    def message(kind, data, tx=0, request=0):
        return struct.pack("<IIII", kind, request, tx, len(data)) + data

    def receive(self):
        """The next message: (type, request number, transaction, data)."""
        while len(self.buffer) < 16 or len(self.buffer) < 16 + struct.unpack_from("<I", self.buffer, 12)[0]:
            got = self.sock.recv(262144)
            if not got:
                raise EOFError("the daemon closed the connection")
            self.buffer += got
        kind, request, tx, length = struct.unpack_from("<IIII", self.buffer)
        data = self.buffer[16:16 + length]
        self.buffer = self.buffer[16 + length:]
        return kind, request, tx, data

    def answer(self):
        while True:
            kind, _, _, data = self.receive()
            if kind == EVENT:
                self.events.append(tuple(data.split(b"\0")[:2]))
                continue
            if kind == ERROR:
                raise Error(data.rstrip(b"\0").decode())
            return data

    def call(self, kind, *strings, tx=0, raw=b""):
        data = b"".join((s if isinstance(s, bytes) else str(s).encode()) + b"\0" for s in strings) + raw
        self.sock.sendall(self.message(kind, data, tx))
        return self.answer()

    def pipeline(self, requests):
        """requests: (type, transaction, data). Returns how many failed."""
        failed = 0
        for i in range(0, len(requests), 256):
            part = requests[i:i + 256]
            self.sock.sendall(b"".join(self.message(kind, data, tx) for kind, tx, data in part))
            for _ in part:
                try:
                    self.answer()
                except Error:
                    failed += 1
        return failed

    def read(self, path, tx=0):
        return self.call(READ, path, tx=tx)

    def write(self, path, value, tx=0):
        return self.call(WRITE, path, tx=tx, raw=value)

    def directory(self, path, tx=0):
        return [n.decode() for n in self.call(DIRECTORY, path, tx=tx).split(b"\0")[:-1]]

    def begin(self):
        return int(self.call(START, "").rstrip(b"\0"))

    def commit(self, tx, keep=True):
        return self.call(END, "T" if keep else "F", tx=tx)

    def event(self):
        while not self.events:
            kind, _, _, data = self.receive()
            if kind == EVENT:
                self.events.append(tuple(data.split(b"\0")[:2]))
        return self.events.pop(0)
