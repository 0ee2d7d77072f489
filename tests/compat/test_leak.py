# SPDX-License-Identifier: MIT
"""Nothing stays behind: a guest created and destroyed many times with xl, also killed half-way through its creation;
free memory must come back to the MiB xl shows, and so must the claims (guest/tests/leak compares pages and heap exactly). LEAK_ROUNDS=200 for the long run.
"""
import importlib.util
import os
import re

import pytest

from rig import ROOT, Machine, default_tools, dom0_image

ROUNDS = int(os.environ.get("LEAK_ROUNDS", "24"))
CFG = "name = 'leak'\ntype = 'pv'\nkernel = '/guest/hello.elf'\nmemory = 32\nvcpus = 2\n"

_spec = importlib.util.spec_from_file_location("run_domu", os.path.join(ROOT, "guest", "run-domu.py"))
run_domu = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(run_domu)


def initrd(folder):
    """dom0's root file system with a test kernel in /guest behind it."""
    with open(os.path.join(ROOT, dom0_image(default_tools())), "rb") as f:
        root = f.read()
    with open(os.path.join(ROOT, "build/guest/hello.elf"), "rb") as f:
        elf = f.read()
    path = os.path.join(folder, "leak.cpio.gz")
    with open(path, "wb") as f:
        f.write(root + b"\0" * (-len(root) % 4))
        f.write(run_domu.cpio([("guest", 0o40755, b""), ("guest/hello.elf", 0o100644, elf),
                               ("guest/leak.cfg", 0o100644, CFG.encode())]))
    return path


@pytest.fixture(scope="module")
def m(hv, tmp_path_factory):
    with Machine(hv, cpus=2, mem=2048, dom0_vcpus=1, initrd=initrd(str(tmp_path_factory.mktemp("leak")))) as machine:
        machine.boot()
        yield machine


def settled(m):
    """Free memory in MiB once only dom0 is left, dying domains included; and the outstanding claims."""
    m.wait_for("xl list | grep -vc Domain-0", "^1$", 60)
    m.run("sleep 2")
    out = m.ok("xl info")
    return int(re.search(r"^free_memory +: (\d+)$", out, re.M).group(1)), \
        int(re.search(r"^outstanding_claims +: (\d+)$", out, re.M).group(1))


def test_create_destroy(m):
    # The first guest makes the toolstack and the hypervisor fill their caches.
    m.ok("xl create -q -p /guest/leak.cfg && xl destroy leak", 90)
    before = settled(m)
    for _ in range(max(1, ROUNDS // 8)):
        m.ok("i=0; while [ $i -lt 8 ]; do xl create -q -p /guest/leak.cfg && xl destroy leak || break; i=$((i + 1)); done;"
             " [ $i = 8 ]", 400)
    assert settled(m) == before
    assert m.crash_text() is None


def test_killed_half_way(m):
    """xl dies at another moment of the creation each time; what it leaves is then destroyed."""
    before = settled(m)
    m.ok("for t in 05 10 15 20 25 30 40 60 80 95; do xl create -q -p /guest/leak.cfg >/dev/null 2>&1 & p=$!; "
         "sleep 0.$t; kill -9 $p; wait $p; for d in $(xl list | awk 'NR > 1 && $1 != \"Domain-0\" "
         "{ for (i = 1; i <= NF; i++) if ($i ~ /^[0-9]+$/) { print $i; break } }'); do xl destroy $d; done; done 2>/dev/null; "
         "true", 300)
    assert settled(m) == before
    m.ok("xl create -q -p /guest/leak.cfg && xl destroy leak", 90)
    assert m.crash_text() is None
