# SPDX-License-Identifier: MIT
"""Nothing stays behind: a guest created and destroyed many times with xl, also with xl killed half-way through; free
memory must be the same to the page, the hypervisor's heap to the byte, and no claim may be left (guest/tests/leak does
the same by hypercalls). LEAK_ROUNDS=200 for the long run.
"""
import os
import re

import pytest

from rig import ROOT, Machine, default_tools, dom0_image, overlay

ROUNDS = int(os.environ.get("LEAK_ROUNDS", "24"))
CFG = "name = 'leak'\ntype = 'pv'\nkernel = '/guest/hello.elf'\nmemory = 32\nvcpus = 2\n"
# Creates and destroys $1 guests.
ROUND = """i=0
while [ $i -lt $1 ]; do
    xl create -q -p /guest/leak.cfg && xl destroy leak || exit 1
    i=$((i + 1))
done
"""
# Kills $1 creations, each at another moment from the start to a bit after the end, and destroys what they left. Says how
# many left a domain. $2 makes the moments of each call differ.
KILL = """now() { awk '{ print int($1 * 1000) }' /proc/uptime; }
start=$(now)
xl create -q -p /guest/leak.cfg && xl destroy leak || exit 1
whole=$(($(now) - start))
i=0 left=0
while [ $i -lt $1 ]; do
    xl create -q -p /guest/leak.cfg >/dev/null 2>&1 &
    p=$!
    ms=$((whole * ((i * 13 + $2 * 7) % 20) / 20))
    sleep $((ms / 1000)).$(printf %03d $((ms % 1000)))
    kill -9 $p
    wait $p
    ids=$(xl list | awk 'NR > 1 && $(NF - 4) != 0 { print $(NF - 4) }')
    [ -z "$ids" ] || left=$((left + 1))
    for d in $ids; do
        xl destroy $d
    done
    i=$((i + 1))
done 2>/dev/null
echo "left=$left of $1, creation takes $whole ms"
"""


@pytest.fixture(scope="module")
def m(hv, tmp_path_factory):
    with open(os.path.join(ROOT, dom0_image(default_tools())), "rb") as f:
        root = f.read()
    with open(os.path.join(ROOT, "build/guest/hello.elf"), "rb") as f:
        elf = f.read()
    path = str(tmp_path_factory.mktemp("leak") / "dom0.cpio.gz")
    with open(path, "wb") as f:
        f.write(overlay(root, [("guest", 0o40755, b""), ("guest/hello.elf", 0o100644, elf),
                               ("guest/leak.cfg", 0o100644, CFG.encode()),
                               ("guest/round.sh", 0o100755, ROUND.encode()),
                               ("guest/kill.sh", 0o100755, KILL.encode())]))
    with Machine(hv, cpus=2, mem=2048, dom0_vcpus=1, initrd=path) as machine:
        machine.boot()
        # The first guests make the toolstack and the hypervisor fill their tables.
        machine.ok("sh /guest/round.sh 3", 200)
        yield machine


def rounds(m, script, count):
    """In pieces, so that a guest that hangs is noticed."""
    said = []
    for done in range(0, count, 8):
        said.append(m.ok("sh /guest/%s %d %d" % (script, min(8, count - done), done // 8), 600))
    return "\n".join(said)


def settled(m):
    m.wait_for("xl list | grep -vc Domain-0", "^1$", 60)
    return m.memory()


def test_create_destroy(m):
    before = settled(m)
    rounds(m, "round.sh", ROUNDS)
    after = settled(m)
    print("%d rounds: %s" % (ROUNDS, after))
    assert after == before
    assert m.crash_text() is None


def test_killed_half_way(m):
    """xl dies at another moment of the creation each time; what it leaves is then destroyed."""
    before = settled(m)
    said = rounds(m, "kill.sh", max(8, ROUNDS // 2))
    print(said)
    assert sum(int(n) for n in re.findall(r"left=(\d+)", said)) > 0
    assert settled(m) == before
    m.ok("sh /guest/round.sh 1", 90)
    assert settled(m) == before
    assert m.crash_text() is None
