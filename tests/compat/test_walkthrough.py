# SPDX-License-Identifier: MIT
"""docs/walkthrough.md, played: each line behind a prompt is typed into `make run`'s machine, and what follows it on the page
is compared with what comes. UPDATE_GOLDEN=1 writes what came into the page instead.

Numbers, states and addresses are alike whatever they are; kernel and hypervisor lines do not count; `...` is any
number of lines. [q] and [ctrl-]] are keys, pressed when the last line before them is on the screen.
"""
import os
import re
import time

import pexpect

from rig import IMAGES, PATIENCE, ROOT

PAGE = os.path.join(ROOT, "docs/walkthrough.md")
PROMPT = re.compile(r"(dom0|guest)# (.*)")
KEYS = {"[q]": "q", "[ctrl-]]": "\x1d"}
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
NOISE = re.compile(r"\(XEN\) |\[ *\d+\.\d+\] ")
SAME = ((r"([0-9a-f]{2}:){5}[0-9a-f]{2}", "MAC"), (r"\d+(\.\d+)?", "N"), (r"(?<!\S)[-rbpscd]{3,6}(?!\S)", "STATE"),
        (r"\s+", " "))


class Step:
    """A command, the lines of a here-document it goes on with, or a key; and what the page says follows."""

    def __init__(self, prompt, text, at):
        self.prompt, self.text, self.wanted, self.seen, self.at = prompt, text, [], None, at

    @property
    def key(self):
        return KEYS.get(self.text) if self.prompt is None else None


def steps_of(lines):
    inside, end, steps = False, None, []
    for number, line in enumerate(lines):
        if line.startswith("```"):
            inside, end = not inside, None
        elif not inside:
            continue
        elif end is not None:
            steps[-1].text += "\n" + line
            end = None if line == end else end
        elif PROMPT.match(line):
            steps.append(Step(*PROMPT.match(line).groups(), number))
            here = re.search(r"<<(\w+)$", line)
            end = here and here.group(1)
        elif line in KEYS:
            steps.append(Step(None, line, number))
        else:
            steps[-1].wanted.append(line)
    return steps


def shown(text):
    """What a terminal shows at the end of it all."""
    lines = []
    for line in re.split(r"\x1b\[J", text)[-1].split("\n"):
        lines.append(ESCAPES.sub("", line.split("\x1b[K")[-1]).replace("\r", "").rstrip())
    lines = [l for l in lines if not NOISE.match(l)]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def masked(line):
    for pattern, word in SAME:
        line = re.sub(pattern, word, line)
    return line.strip()


def same(wanted, got):
    """One line; ` ...` at its end is any rest."""
    if wanted.endswith(" ..."):
        return masked(got).startswith(masked(wanted[:-4]))
    return masked(wanted) == masked(got)


def alike(wanted, got):
    """Two lists of lines, where `...` stands for any."""
    if not wanted:
        return not got
    if wanted[0].strip() == "...":
        return any(alike(wanted[1:], got[i:]) for i in range(len(got) + 1))
    return bool(got) and same(wanted[0], got[0]) and alike(wanted[1:], got[1:])


class Terminal:
    def __init__(self, hv):
        env = dict(os.environ, TOOLS="ours", HV=IMAGES.get(hv, hv))
        self.child = pexpect.spawn("sh", ["image/run.sh"], cwd=ROOT, encoding="utf-8", codec_errors="replace", env=env)
        self.child.logfile_read = open(os.environ.get("RIG_LOG", os.devnull), "w")
        self.child.delaybeforesend = None

    def expect(self, pattern, timeout=120):
        self.child.expect(pattern, timeout=timeout * PATIENCE)
        return self.child.before

    def type(self, text):
        for i in range(0, len(text), 8):
            self.child.send(text[i:i + 8])
            time.sleep(0.03)

    def prompt(self, name):
        """What came before a prompt, with the order to clear the line that may stand right before it."""
        before = self.expect(r"(\A|[\n\r]|\x1b\[[0-9;?]*[a-zA-Z])%s# (\x1b\[6n)?" % name)
        return before + self.child.match.group(1)

    def enter(self, text):
        """Types a line, or several of a here-document; the echo is taken off."""
        for line in text.split("\n"):
            self.type(line + "\r")
            self.expect(re.escape(line[-20:]) + r"[^\n]*\n", 30)

    def play(self, step, follows):
        """What is on the screen when the next step may be typed."""
        if step.key:
            # What the screen has beside it then is older: a guest's prompt that was still on its way, or not.
            self.type(step.key)
            self.prompt(follows.prompt)
            return step.wanted
        self.enter(step.text)
        if follows is None:
            return shown(self.prompt("dom0"))
        if follows.key is None:
            return shown(self.prompt(follows.prompt))
        last = [l for l in step.wanted if l.strip()][-1]
        words = r"\s+".join(re.sub(r"\d+", r"\\d+", re.escape(w)) for w in last.split())
        return shown(self.expect(words) + self.child.after)


def rewritten(lines, steps):
    """The page with what was seen where it was not as wanted."""
    page, done = [], 0
    for step in steps:
        begin = step.at + 1 + step.text.count("\n")
        page += lines[done:begin] + (step.wanted if step.seen is None else step.seen)
        done = begin + len(step.wanted)
    return page + lines[done:]


def test_walkthrough(hv):
    with open(PAGE) as f:
        lines = f.read().split("\n")
    steps = steps_of(lines)
    assert len(steps) > 40
    t = Terminal(hv)
    wrong = []
    try:
        t.expect(r"A dom0 shell[^\n]*\n", 300)
        t.prompt("dom0")
        for step, follows in zip(steps, steps[1:] + [None]):
            got = t.play(step, follows)
            if not alike(step.wanted, got):
                wrong.append("%s\nline %d: %s\nwanted:\n%s\nseen:\n%s" % (
                    PAGE, step.at + 1, step.text, "\n".join(step.wanted), "\n".join(got)))
                step.seen = got
        t.type("poweroff -f\r")
        t.expect(pexpect.EOF, 60)
    finally:
        t.child.close(force=True)
    if os.environ.get("UPDATE_GOLDEN"):
        with open(PAGE, "w") as f:
            f.write("\n".join(rewritten(lines, steps)))
    else:
        assert not wrong, "\n\n".join(wrong)
