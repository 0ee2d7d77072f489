#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Records what Debian's tools print for the commands of parity.commands, and compares two such transcripts.

    tests/compat/parity.py --hv=ours|peer|PATH PART...    records parts of parity.commands into build/parity
    tests/compat/parity.py --diff PART...                 prints how the kept transcripts of ours and peer differ

A transcript is a JSON list of [command, exit code, lines].

A transcript is normalised here, and only for what differs between two runs of one hypervisor: its name and version,
addresses, times, free memory, columns, and numbers of domains (a creation that fails late uses one up, one that fails
early not). What a single command prints of that kind is cut in its own line of parity.commands.
"""
import argparse
import difflib
import hashlib
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "rig"))
from rig import ROOT, Machine, RigError

DIRECTIVE = re.compile(r"(code|quiet|guest|keys|until)(?: (.*?))?:: (.*)")
KEPT = os.path.join(ROOT, "build", "parity")
NORMAL = (
    (r"free_memory( *): \d+", r"free_memory\1: N"),
    (r"(?m)^(xen_extra|xen_version|xen_changeset|cc_\w+|build_id)( *):.*", r"\1\2: ITS OWN"),
    (r"(?m)^( +\d+: +\d{3,}) +\d+(?= +\d+(,\d+)*$)", r"\1 FREE"),
    (r"cpu_mhz( *): [\d.]+", r"cpu_mhz\1: N"),
    (r"[r-][b-]([p-][s-][c-][d-]) +[\d.]+", r"rb\1 T"),
    (r" \d+ +[r-][b-]([p-]) +[\d.]+", r" CPU rb\1 T"),
    (r"(?i)(domain[ /]|/libxl/|qmp-libxl-|\"domid\": |domid[ =]|dom|backend/console/)[1-9]\d*", r"\1N"),
    (r"(?m)^(guest|second|other) +\d+ ", r"\1 N "),
    (r"(-[0-9a-f]{12}) +[1-9]\d* +(\w+)$", r"\1 N \2"),
    (r" - +--p +[\d.]+", r" - --p T"),
    (r"\b([nr])[1-9]\d*\b(?=[,)])", r"\1N"),
    (r"((domid|frontend-id|ring-ref|start_time) = )\"[\d.]+\"", r"\1N"),
    (r"(?m)^[1-9]\d* = ", "N = "),
    (r"[ .]+\((?=[nrbw])", " ("),
    (r"\b(cpu_time|time)\": [\d.]+", r"\1: N"),
)


TWO_NODES = ["-object", "memory-backend-ram,id=m0,size=1G", "-object", "memory-backend-ram,id=m1,size=1G",
             "-numa", "node,nodeid=0,memdev=m0,cpus=0-1", "-numa", "node,nodeid=1,memdev=m1,cpus=2-3",
             "-numa", "dist,src=0,dst=1,val=17"]
MACHINES = {"numa": TWO_NODES}


def commands(part):
    """The lines of one part of parity.commands as (directive, argument, command)."""
    current = None
    with open(os.path.join(HERE, "parity.commands")) as f:
        for line in f:
            line = line.rstrip("\n")
            if re.fullmatch(r"\[\w+\]", line):
                current = line[1:-1]
            elif line and not line.startswith("#") and current == part:
                found = DIRECTIVE.fullmatch(line)
                yield (found.group(1), found.group(2), found.group(3)) if found else ("text", None, line)


def normalise(text):
    for pattern, to in NORMAL:
        text = re.sub(pattern, to, text)
    return [line.rstrip() for line in text.split("\n")]


def whole(m, command, timeout):
    """Runs a command; its output goes through a file and is fetched until its checksum is right, because the
    hypervisor's own lines may break into it."""
    rc, _ = m.run("{ %s; } > /tmp/out 2>&1" % command, timeout)
    for _ in range(8):
        out = m.ok("cat /tmp/out; echo; md5sum < /tmp/out")
        out = re.sub(r"\(XEN\)[^\n]*\n", "", out)
        text, _, sum_line = out.rpartition("\n")
        for candidate in (text, text + "\n", text[:-1]):
            if hashlib.md5(candidate.encode()).hexdigest() == sum_line.split()[0]:
                return rc, candidate
    raise RigError("%s: its output cannot be fetched whole\n%s" % (command, out))


def press(m, letters):
    """Presses debug keys; says for each whether the log has something to show for it."""
    lines = []
    for key in letters:
        m.run("xl dmesg -c > /dev/null")
        rc, _ = m.run("xl debug-keys '%s'" % key)
        _, count = m.run("xl dmesg | grep -c ^")
        lines.append("%s: code %d, %s" % (key, rc, "known" if re.search(r"^[1-9]", count, re.M) else "unknown"))
    return 0, "\n".join(lines)


def step(m, kind, argument, command):
    if kind == "until":
        m.wait_for(command, argument, 90)
    elif kind == "quiet":
        m.run(command, 120)
    elif kind == "keys":
        return press(m, command)
    elif kind == "guest":
        with m.guest("guest") as g:
            rc, out = g.run(command)
            return rc, re.sub(r"\(XEN\)[^\n]*\n", "", out)
    else:
        rc, out = whole(m, command, 180)
        return rc, "" if kind == "code" else out
    return None


def record(hv, part, log=None):
    """Keeps a transcript, after each command, and returns it. A command that does not come back ends it."""
    transcript = []
    with Machine(hv, cpus=4, mem=2048, dom0_vcpus=2, qemu_args=MACHINES.get(part, ()), tools="debian",
                 log=log) as m:
        m.boot()
        for kind, argument, command in list(commands(part)):
            try:
                result = step(m, kind, argument, command)
            except RigError as why:
                transcript.append([command, -1, normalise(str(why))])
                if kind != "until":
                    break
                continue
            if result:
                transcript.append([command, result[0], normalise(result[1])])
                keep(hv, part, transcript)
        if m.crash_text():
            transcript.append(["the hypervisor's log", 1, [m.crash_text()]])
    keep(hv, part, transcript)
    return transcript


def path(hv, part):
    return os.path.join(KEPT, "%s-%s.json" % (hv.replace("/", "_"), part))


def keep(hv, part, transcript):
    os.makedirs(KEPT, exist_ok=True)
    with open(path(hv, part), "w") as f:
        json.dump(transcript, f, indent=1)


def load(hv, part):
    with open(path(hv, part)) as f:
        return json.load(f)


def differences(ours, peer):
    """A dictionary from command to the differing lines, `-` the peer's and `+` ours."""
    result = {}
    ours_by, peer_by = by_command(ours), by_command(peer)
    for key in list(dict.fromkeys(list(peer_by) + list(ours_by))):
        a, b = peer_by.get(key, ["(not reached)"]), ours_by.get(key, ["(not reached)"])
        if a != b:
            lines = difflib.unified_diff(a, b, n=0, lineterm="")
            result[key] = [l for l in lines if not re.match(r"---|\+\+\+|@@", l)]
    return result


def by_command(transcript):
    """Commands that are given more than once get a number."""
    seen, result = {}, {}
    for command, code, lines in transcript:
        seen[command] = seen.get(command, 0) + 1
        key = command if seen[command] == 1 else "%s #%d" % (command, seen[command])
        result[key] = ["exit code %d" % code] + lines
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--hv", default="ours")
    parser.add_argument("--diff", action="store_true")
    parser.add_argument("--log", help="keep the console's text here")
    parser.add_argument("parts", nargs="+", metavar="PART")
    args = parser.parse_args()
    for part in args.parts:
        if args.diff:
            for command, lines in differences(load("ours", part), load("peer", part)).items():
                print("### " + command + "\n" + "\n".join(lines) + "\n")
        else:
            record(args.hv, part, args.log)
    return 0


if __name__ == "__main__":
    sys.exit(main())
