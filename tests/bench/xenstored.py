#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ours beside Debian's xenstored 4.17, both on this machine without a hypervisor, each driven over its socket.

  time          Debian's test-xenstore, daemon and client pinned to one CPU; of several rounds the best, the lowest time of a
                single operation and the lowest average (other load on the machine only adds); beside them what the
                same client takes with a daemon that only reads and answers (least.c)
  instructions  of the daemon alone, by callgrind, in user mode
  memory        resident pages of the daemon with 100,000 nodes
  flat          instructions of one write with 100 to 1,000,000 nodes under one parent

usage: xenstored.py [--rounds N] [--part time,instructions,memory,flat]   (make bench-store)
"""
import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from xswire import Client, START, END, WRITE, READ, DIRECTORY, RM

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEBS = ROOT + "/build/debs/root"
TOOLS = DEBS + "/usr/lib/xen-4.17/bin"
LIBS = DEBS + "/usr/lib/x86_64-linux-gnu:" + DEBS + "/usr/lib/xen-4.17/lib/x86_64-linux-gnu"
STUB = ROOT + "/build/no_xen.so"
OURS = ROOT + "/build/x86_64/bin/xenstored"
LEAST = ROOT + "/build/tests/least"


class Daemon:
    """One daemon in a directory of its own; `with` stops it."""

    def __init__(self, which, callgrind=False, cpu=None):
        self.dir = tempfile.mkdtemp(prefix="xs-")
        self.socket = self.dir + "/socket"
        self.counts = self.dir + "/callgrind.out"
        env = dict(os.environ, XENSTORED_RUNDIR=self.dir, XENSTORED_PATH=self.socket)
        command = {"ours": [OURS, "-D", "-N"], "peer": [TOOLS + "/xenstored", "-N"], "least": [LEAST, self.socket]}[which]
        if which == "peer":
            env.update(LD_LIBRARY_PATH=LIBS, LD_PRELOAD=STUB)
        if callgrind:
            command = ["valgrind", "-q", "--tool=callgrind", "--callgrind-out-file=" + self.counts] + command
        if cpu is not None:
            command = ["taskset", "-c", str(cpu)] + command
        self.child = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
        for _ in range(600):
            if os.path.exists(self.socket):
                break
            time.sleep(0.05)
        time.sleep(0.2)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            self.child.wait()

    def resident(self):
        text = open("/proc/%d/status" % self.child.pid).read()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1])

    def instructions(self):
        self.stop()
        return int(re.search(r"^(?:summary|totals): (\d+)", open(self.counts).read(), re.M)[1])


def fill(client, count):
    """`count` nodes of a name of 5 to 7 letters and a value of 4 under one parent."""
    step = 20000
    for start in range(0, count, step):
        client.pipeline([(WRITE, 0, b"/bench/n%d\0data" % i) for i in range(start, min(start + step, count))])


def test_xenstore(daemon, cpu, iterations):
    env = dict(os.environ, LD_LIBRARY_PATH=LIBS, XENSTORED_PATH=daemon.socket, XENSTORED_RUNDIR=daemon.dir)
    out = subprocess.run(["taskset", "-c", str(cpu), TOOLS + "/test-xenstore", "-i", str(iterations)], env=env,
                         stdout=subprocess.PIPE, check=True).stdout.decode()
    rows = {}
    for line in out.splitlines():
        match = re.match(r"(.*?)\s*: avg: (\d+) ns \((\d+) ns", line)
        if not match:
            sys.exit("test-xenstore: " + line)
        rows[match[1]] = (int(match[2]), int(match[3]))
    return rows


def part_time(rounds):
    best = {"ours": {}, "peer": {}, "least": {}}
    cpu = max(os.sched_getaffinity(0))
    for _ in range(rounds):
        for which in best:
            with Daemon(which, cpu=cpu) as d:
                for row, (average, least) in test_xenstore(d, cpu, 400).items():
                    old = best[which].get(row, (average, least))
                    best[which][row] = (min(average, old[0]), min(least, old[1]))
    print("%-12s %33s %41s" % ("test-xenstore", "lowest time, us", "lowest average, us"))
    print("%-12s %9s %9s %9s %7s %11s %9s %9s %7s" % (("",) + ("ours", "peer", "least", "ratio") * 2))
    for row in best["ours"]:
        (average, time), (peer_average, peer_time), (least_average, least_time) = (
            (a / 1e3, t / 1e3) for a, t in (best[which][row] for which in best))
        print("%-12s %9.1f %9.1f %9.1f %7.2f %11.1f %9.1f %9.1f %7.2f" % (
            row, time, peer_time, least_time, time / peer_time, average, peer_average, least_average,
            average / peer_average))


def transaction(client, work):
    t = client.begin()
    work(t)
    client.commit(t)


OPERATIONS = {
    "read": lambda c, i: c.read("/b/%d" % (i % 100)),
    "write": lambda c, i: c.write("/b/%d" % (i % 100), b"x"),
    "create": lambda c, i: c.write("/new/%d" % i, b"x"),
    "directory": lambda c, i: c.directory("/b"),
    "create+rm": lambda c, i: (c.write("/b/x", b"x"), c.call(RM, "/b/x")),
    "empty transaction": lambda c, i: transaction(c, lambda t: None),
    "read-modify-write transaction": lambda c, i: transaction(
        c, lambda t: (c.read("/b/1", t), c.write("/b/1", b"y", t))),
}


def count_instructions(which, operation, nodes=0, times=1000):
    """Of the daemon, for one operation: counted from zero after the store is filled."""
    with Daemon(which, callgrind=True) as d:
        c = Client(d.socket)
        for i in range(100):
            c.write("/b/%d" % i, b"x")
        if nodes:
            fill(c, nodes)
        for i in range(50):
            operation(c, i)
        subprocess.run(["callgrind_control", "-z", str(d.child.pid)], stdout=subprocess.DEVNULL, check=True)
        for i in range(50, 50 + times):
            operation(c, i)
        return d.instructions() / times


def part_instructions(_):
    print("%-30s %10s %10s %7s" % ("daemon instructions", "ours", "peer", "ratio"))
    for name, operation in OPERATIONS.items():
        ours, peer = (count_instructions(w, operation) for w in ("ours", "peer"))
        print("%-30s %10.0f %10.0f %7.2f" % (name, ours, peer, ours / peer), flush=True)


def part_memory(_):
    sizes = {}
    for which in ("ours", "peer"):
        with Daemon(which) as d:
            c = Client(d.socket)
            before = d.resident()
            for i in range(100000):
                if i % 1000 == 0:
                    c.write("/bench/%d" % (i // 1000), b"")
            c.pipeline([(WRITE, 0, b"/bench/%d/n%d\0data" % (i // 1000, i)) for i in range(100000)])
            sizes[which] = (before, d.resident())
    for which, (before, after) in sizes.items():
        print("memory with 100,000 nodes, %s: %.1f MB (empty %.1f MB)" % (which, after / 1024, before / 1024))
    print("ratio %.2f" % (sizes["ours"][1] / sizes["peer"][1]))


def part_flat(_):
    for nodes in (100, 10000, 100000, 1000000):
        n = count_instructions("ours", lambda c, i: c.write("/bench/n%d" % (i % 100), b"next"), nodes=nodes)
        print("instructions of a write, %8d nodes under one parent: %6.0f" % (nodes, n), flush=True)


def main():
    parts = {"time": part_time, "instructions": part_instructions, "memory": part_memory, "flat": part_flat}
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--part", default=",".join(parts))
    args = p.parse_args()
    for name in args.part.split(","):
        parts[name](args.rounds)


main()
