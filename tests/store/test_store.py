# SPDX-License-Identifier: MIT
"""xenstored and its clients on this machine, without a hypervisor: Debian's test-xenstore and clients against it, kill -9
and live update under load, clients that misbehave. Runs in seconds; needs the packages of `make image`."""
import glob
import os
import shutil
import signal
import struct
import subprocess
import sys
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT + "/tests/bench")
from xswire import Client, Error, CONTROL, DIRECTORY, END, MKDIR, READ, RM, START, WATCH, WRITE  # noqa: E402

DEBS = ROOT + "/build/debs/root"
DEBIAN = DEBS + "/usr/bin"
TOOLS = DEBS + "/usr/lib/xen-4.17/bin"
LIBS = DEBS + "/usr/lib/x86_64-linux-gnu:" + DEBS + "/usr/lib/xen-4.17/lib/x86_64-linux-gnu"
BIN = ROOT + "/build/x86_64/bin"


class Store:
    def __init__(self, directory):
        self.dir = str(directory)
        self.socket = self.dir + "/socket"
        self.env = dict(os.environ, XENSTORED_RUNDIR=self.dir, XENSTORED_PATH=self.socket, LC_ALL="C")
        self.start()

    def start(self):
        self.log = open(self.dir + "/log", "ab")
        self.child = subprocess.Popen([BIN + "/xenstored", "-D", "-N", "--pid-file", self.dir + "/pid"], env=self.env,
                                      stderr=self.log)
        for _ in range(500):
            try:
                Client(self.socket).close()
                return
            except OSError:
                time.sleep(0.01)
        raise RuntimeError("xenstored does not answer: " + open(self.dir + "/log").read())

    def kill(self, how=signal.SIGKILL):
        self.child.send_signal(how)
        self.child.wait()

    def client(self):
        return Client(self.socket)

    def run(self, program, *args):
        env = dict(self.env, LD_LIBRARY_PATH=LIBS) if program.startswith(DEBS) else self.env
        done = subprocess.run([program, *args], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def check(self):
        assert self.client().call(CONTROL, "check") == b"OK\0"


@pytest.fixture
def store(tmp_path):
    s = Store(tmp_path)
    yield s
    assert s.child.poll() is None, "xenstored has ended"
    s.kill(signal.SIGTERM)


def test_debians_test_program(store):
    rc, out, err = store.run(TOOLS + "/test-xenstore", "-i", "50")
    assert rc == 0 and b"failed" not in out, out + err
    rc, out, err = store.run(TOOLS + "/test-xenstore", "-r", "3")
    assert rc == 0, out + err
    store.check()


COMMANDS = """
ls -h|ls|ls /a|ls -f /a|ls -p|ls -p /a|ls -f -p /a|ls -s /a|ls /nope|ls /a/|list /a|list -p /a|list /nope|list
read /a/b|read -p /a/b /a/c|read -R /a/b|read /a/nope /a/b|read|read -h|exists /a|exists /nope|exists /a /nope|exists -h
write /w 1|read /w|write /w a\\n\\t\\x41\\101\\\\\\"\\qz|read /w|read -R /w|write -R /w a\\x41b|read -R /w|write /w|write
write /w/1 1 //bad 2 /w/3 3|list /w|rm /nope|rm /nope/nope|rm|rm -h|write /t/u/v/w 1|rm -t /t/u/v/w|exists /t
write /k/l/m 1|chmod /k/l/m n0 r5|ls -p /k|chmod -u -r /k/l b1 w2|ls -p /k|chmod /k n0 z5|chmod /k 5|chmod /nope n0|chmod /k
chmod -h|watch -h|watch -n 1 /a|watch -n 2 /a /tool|ls -f
"""


def test_clients_are_debians(store):
    """The same commands through Debian's clients and ours: same output, same exit codes, same store."""
    seen = {}
    for which in (DEBIAN, BIN):
        c = store.client()
        for name in c.directory("/"):
            c.call(RM, "/" + name)
        c.call(MKDIR, "/tool")
        c.write("/a/b", b"line\n\t\x01\\\"\x7f\xe9end")
        c.write("/a/c", b"2")
        c.write("/a/long", b"v" * 200)
        c.write("/a/deep/er/" + "n" * 70, b"x")
        c.write("/a/deep/" + "m" * 50, b"x")
        seen[which] = []
        for line in COMMANDS.replace("\n", "|").split("|"):
            words = line.split()
            if not words:
                continue
            seen[which].append((line, store.run(which + "/xenstore-" + words[0], *words[1:])))
    for (line, theirs), (_, mine) in zip(seen[DEBIAN], seen[BIN]):
        theirs = (theirs[0], theirs[1], theirs[2].replace(DEBIAN.encode(), BIN.encode()))
        assert (line, mine) == (line, theirs)


def test_control(store):
    assert store.run(BIN + "/xenstore-control", "check") == (0, b"OK\n", b"")
    rc, out, _ = store.run(TOOLS + "/xenstore-control", "help")
    assert rc == 0 and b"live-update" in out
    assert store.run(TOOLS + "/xenstore-control", "quota")[0] == 0
    assert store.run(BIN + "/xenstore-control", "nonsense")[0] == 3


def test_kill_9_keeps_what_was_answered(store):
    """Every write that was answered is there after kill -9 and a new start."""
    for round_ in range(10):
        c = store.client()
        answered = 0
        store_end = time.time() + 0.05 + round_ * 0.02
        while time.time() < store_end:
            c.write("/k/%d/%d" % (round_, answered), b"%d" % answered)
            answered += 1
        store.kill()
        store.start()
        c = store.client()
        for i in range(0, answered, 7):
            assert c.read("/k/%d/%d" % (round_, i)) == b"%d" % i
        store.check()


def test_state_of_another_version_is_told(store):
    store.run(BIN + "/xenstore-write", "/gone", "1")
    store.kill()
    states = [p for p in glob.glob(store.dir + "/*") if os.path.isfile(p) and open(p, "rb").read(12) == b"proxenos-xs-"]
    assert len(states) == 1
    with open(states[0], "r+b") as f:
        f.write(b"proxenos-xs-000")
    store.start()
    said = open(store.dir + "/log").read()
    assert "the state file is of another version of xenstored; starting with an empty store" in said
    assert store.run(BIN + "/xenstore-read", "/gone")[0] == 1


def test_live_update_keeps_clients(store):
    """Watches, half a request and connections survive; the process number stays."""
    watcher, half = store.client(), store.client()
    watcher.call(WATCH, "/live", "token")
    watcher.event()
    message = Client.message(WRITE, b"/live/half\0value")
    half.sock.sendall(message[:20])
    time.sleep(0.1)
    for i in range(5):
        assert store.run(BIN + "/xenstore-control", "live-update", BIN + "/xenstored") == (0, b"", b"")
        store.client().write("/live/%d" % i, b"x")
        assert watcher.event() == (b"/live/%d" % i, b"token")
    half.sock.sendall(message[20:])
    assert half.answer() == b"OK\0"
    assert watcher.event() == (b"/live/half", b"token")
    rc, out, err = store.run(TOOLS + "/xenstore-control", "live-update", BIN + "/xenstored")
    assert (rc, out, err) == (0, b"", b"")
    assert int(open(store.dir + "/pid").read()) == store.child.pid
    store.check()


def test_live_update_and_transactions(store):
    c = store.client()
    t = c.begin()
    c.write("/t", b"1", t)
    rc, out, err = store.run(BIN + "/xenstore-control", "live-update", "-t", "1", BIN + "/xenstored")
    assert rc == 1 and b"still open" in err
    c.commit(t)
    t = c.begin()
    assert store.run(BIN + "/xenstore-control", "live-update", "-F", "-t", "1", BIN + "/xenstored")[0] == 0
    with pytest.raises(Error, match="EAGAIN"):
        c.commit(t)
    assert c.read("/t") == b"1"


def test_live_update_to_what_is_not_a_program(store):
    bad = store.dir + "/bad"
    open(bad, "w").write("nonsense")
    os.chmod(bad, 0o755)
    c = store.client()
    c.write("/before", b"1")
    assert store.run(BIN + "/xenstore-control", "live-update", bad)[0] == 1
    assert c.read("/before") == b"1"


def test_client_that_does_not_read(store):
    """It is cut off in the end; others are served all the time."""
    deaf, other = store.client(), store.client()
    deaf.call(WATCH, "/", "token")
    deadline = time.time() + 60
    path = b"/deaf/" + b"x" * 900
    for i in range(40):
        other.pipeline([(WRITE, 0, path + b"/%d" % (j + i * 1000) + b"\0v") for j in range(1000)])
        start = time.time()
        other.read("/deaf")
        assert time.time() - start < 2 and time.time() < deadline
    assert store.client().call(CONTROL, "memreport")
    store.check()


def test_half_messages_and_hang_ups(store):
    for size in range(0, 40):
        c = store.client()
        c.sock.sendall(Client.message(WRITE, b"/half\0" + b"v" * 30)[:size])
        c.close()
    c = store.client()
    c.sock.sendall(struct.pack("<IIII", READ, 0, 0, 5000))
    with pytest.raises((EOFError, ConnectionError)):
        c.answer()
    store.check()


def test_huge_transaction(store):
    c = store.client()
    t = c.begin()
    assert c.pipeline([(WRITE, t, b"/huge/%d\0value" % i) for i in range(50000)]) == 0
    with pytest.raises(Error, match="ENOENT"):
        c.read("/huge/1")
    start = time.time()
    c.commit(t)
    assert time.time() - start < 5
    assert c.read("/huge/49999") == b"value"
    store.kill()
    store.start()
    assert store.client().read("/huge/49999") == b"value"
    store.check()


def test_watches_elsewhere_cost_nothing(store):
    watcher, c = store.client(), store.client()

    def daemon_ns():
        """What the daemon has run so far: the clock on the wall also shows what else the machine does."""
        return int(open("/proc/%d/schedstat" % store.child.pid).read().split()[0])

    def cost():
        best = 1e18
        for _ in range(8):
            start = daemon_ns()
            c.pipeline([(WRITE, 0, b"/here/%d\0v" % (i % 100)) for i in range(5000)])
            best = min(best, daemon_ns() - start)
        return best
    before = cost()
    watcher.pipeline([(WATCH, 0, b"/elsewhere/%d\0t\0" % i) for i in range(10000)])
    assert cost() < before * 2
    store.check()


def test_second_daemon_is_refused(store):
    rc, _, err = store.run(BIN + "/xenstored", "-D", "-N")
    assert rc == 1 and b"another xenstored" in err


def test_debians_init_script_options(tmp_path):
    """As the init script starts it: in the background, ready when the command returns."""
    env = dict(os.environ, XENSTORED_RUNDIR=str(tmp_path), XENSTORED_PATH=str(tmp_path) + "/socket")
    pid_file = str(tmp_path) + "/pid"
    done = subprocess.run([BIN + "/xenstored", "-D", "--pid-file", pid_file, "--internal-db"], env=env, timeout=20)
    assert done.returncode == 0
    pid = int(open(pid_file).read())
    try:
        assert Client(env["XENSTORED_PATH"]).call(CONTROL, "check") == b"OK\0"
    finally:
        os.kill(pid, signal.SIGTERM)
    for _ in range(100):
        if not os.path.exists("/proc/%d" % pid) or open("/proc/%d/stat" % pid).read().split()[2] == "Z":
            break
        time.sleep(0.05)
    shutil.rmtree(str(tmp_path), ignore_errors=True)
