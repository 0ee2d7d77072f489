# SPDX-License-Identifier: MIT
"""Debian's tools print the same on our hypervisor and on Debian's Xen, but for what docs/differences.md lists.

Both directions count: a difference that is not listed fails, and so does one that is listed and gone. The peer's transcript
is kept in build/parity and made anew when its image, dom0's, or the commands change. With --hv=peer the peer is
compared with itself: what differs then is a measurement that parity.py fails to cut.
"""
import hashlib
import os
import re

import pytest

import parity
from rig import IMAGES, ROOT

PARTS = ["host", "tools", "create", "guest", "life", "numa"]


def stamp(part):
    digest = hashlib.sha256()
    for name in (IMAGES["peer"], "build/image/dom0.cpio.gz", "tests/compat/parity.commands", "tests/compat/parity.py"):
        with open(os.path.join(ROOT, name), "rb") as f:
            digest.update(hashlib.sha256(f.read()).digest())
    return digest.hexdigest()


def peer(part):
    kept = parity.path("peer", part)
    mark = kept + ".stamp"
    if not (os.path.exists(kept) and os.path.exists(mark) and open(mark).read() == stamp(part)):
        parity.record("peer", part)
        with open(mark, "w") as f:
            f.write(stamp(part))
    return parity.load("peer", part)


def documented():
    """Command to differing lines, from the `### command, command` headings and diff blocks of docs/differences.md."""
    with open(os.path.join(ROOT, "docs", "differences.md")) as f:
        text = f.read()
    result = {}
    for heading, block in re.findall(r"^### (`[^\n]*`)\n+```diff\n(.*?)\n```", text, re.M | re.S):
        for command in re.findall(r"`([^`]+)`", heading):
            assert command not in result, command + " is listed twice"
            result[command] = block.split("\n")
    return result


def commands_of(transcript):
    return set(parity.by_command(transcript))


@pytest.mark.parametrize("part", PARTS)
def test_differences_are_those_listed(hv, part):
    theirs = peer(part)
    ours = parity.record(hv, part)
    known = commands_of(ours) | commands_of(theirs)
    wanted = {} if hv == "peer" else {c: l for c, l in documented().items() if c in known}
    found = parity.differences(ours, theirs)
    assert found == wanted


def test_what_is_listed_exists():
    commands = {c for part in PARTS for _, _, c in parity.commands(part)}
    for command in documented():
        assert re.sub(r" #\d+$", "", command) in commands
