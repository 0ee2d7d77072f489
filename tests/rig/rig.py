# SPDX-License-Identifier: MIT
"""A machine in QEMU that runs a hypervisor image and a dom0, driven over its serial console.

    with Machine(hv="ours", cpus=2, mem=2048) as m:
        m.boot()                       # until dom0's shell answers
        rc, out = m.run("xl list")     # one command in dom0; m.ok() raises when it fails
        m.crash_text()                 # hypervisor complaints so far, or None

hv is "ours", "peer" or a path. Machine.expect() waits for raw console text, for kernels that have no shell.
Every byte of the console is in m.log. Time-outs are multiplied by the environment's PATIENCE.
"""
import os
import re

import pexpect

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
IMAGES = {"ours": os.environ.get("HV_OURS", "build/x86_64/proxenos"), "peer": "build/peer/xen.elf"}
PATIENCE = float(os.environ.get("PATIENCE", "1"))
CRASH = re.compile(r"(Panic on CPU|Assertion .* failed|Xen BUG at|PANIC:|BUG at |ASSERT failed|"
                   r"FATAL TRAP|FATAL PAGE FAULT|dom0 has crashed|Domain 0 crashed)[^\n]*")


class RigError(Exception):
    """A command of dom0 failed, or the console did not say what it should."""


class Tee:
    """Keeps the console's text, and writes it to a file when asked to."""

    def __init__(self, path):
        self.text = ""
        self.file = open(path, "w") if path else None

    def write(self, text):
        self.text += text
        if self.file:
            self.file.write(text)

    def flush(self):
        if self.file:
            self.file.flush()


class Machine:
    def __init__(self, hv="ours", kernel="build/image/vmlinux", initrd="build/image/dom0.cpio.gz", mem=2048,
                 cpus=2, dom0_mem=768, dom0_vcpus=None, hv_args="", dom0_args="", qemu_args=(), script="rig",
                 module=None, log=None):
        self.command = self._command(hv, kernel, initrd, mem, cpus, dom0_mem, dom0_vcpus, hv_args, dom0_args,
                                     qemu_args, script, module)
        self.tee = Tee(log or os.environ.get("RIG_LOG"))
        self.child = None

    @staticmethod
    def _command(hv, kernel, initrd, mem, cpus, dom0_mem, dom0_vcpus, hv_args, dom0_args, qemu_args, script, module):
        line = "console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all"
        if dom0_mem:
            line += " dom0_mem=%dM,max:%dM" % (dom0_mem, dom0_mem)
        if dom0_vcpus:
            line += " dom0_max_vcpus=%d" % dom0_vcpus
        if module is None:
            module = "%s console=hvc0 proxenos.script=%s %s" % (kernel, script, dom0_args)
            if initrd:
                module += "," + initrd
        command = [os.environ.get("QEMU", "qemu-system-x86_64"), "-accel", "tcg,thread=multi", "-cpu", os.environ.get(
                   "RIG_CPU", "max,-smap,-rdtscp"), "-m", str(mem), "-smp", str(cpus), "-M", "q35", "-display", "none",
                   "-monitor", "none", "-serial", "stdio", "-no-reboot", "-kernel", IMAGES.get(hv, hv),
                   "-append", (line + " " + hv_args).strip()]
        if module:
            command += ["-initrd", module.strip()]
        if "-netdev" not in qemu_args:
            command += ["-net", "none"]
        return command + list(qemu_args)

    def __enter__(self):
        self.child = pexpect.spawn(self.command[0], self.command[1:], cwd=ROOT, encoding="utf-8", codec_errors="replace",
                                   echo=False, timeout=60, maxread=65536)
        self.child.logfile_read = self.tee
        self.child.delaybeforesend = None
        return self

    def __exit__(self, *_):
        self.child.close(force=True)

    @property
    def log(self):
        return self.tee.text.replace("\r", "")

    def tail(self, lines=40):
        return "\n".join(self.log.split("\n")[-lines:])

    def crash_text(self):
        found = CRASH.search(self.log)
        return found.group(0) if found else None

    def expect(self, pattern, timeout=60):
        """Waits for a regular expression on the console and returns its match."""
        try:
            self.child.expect(pattern, timeout=timeout * PATIENCE)
        except (pexpect.TIMEOUT, pexpect.EOF) as why:
            raise RigError("no %r within %d s (%s)\n%s" % (pattern, timeout, type(why).__name__, self.tail())) from None
        return self.child.match

    def send(self, text):
        self.child.send(text)

    def boot(self, timeout=150):
        self.expect("@@ready@@", timeout)

    def run(self, command, timeout=60):
        """Runs one line in dom0's shell; returns (exit code, output without carriage returns)."""
        self.child.sendline(command)
        match = self.expect(r"@@rc=(\d+)@@", timeout)
        out = self.child.before.replace("\r", "")
        out = "\n".join(l for l in out.split("\n") if not l.startswith("(XEN)")).strip("\n")
        return int(match.group(1)), out

    def ok(self, command, timeout=60):
        rc, out = self.run(command, timeout)
        if rc != 0:
            raise RigError("%s: exit code %d\n%s" % (command, rc, out))
        return out

    def wait_for(self, command, pattern, timeout=60):
        """Repeats a command once a second, inside dom0, until its output matches."""
        line = ("i=0; while [ $i -lt %d ] && ! { %s; } 2>&1 | grep -Eq '%s'; do i=$((i + 1)); sleep 1; done; { %s; } 2>&1"
                % (timeout, command, pattern, command))
        rc, out = self.run(line, timeout * 3 + 30)
        if not re.search(pattern, out):
            raise RigError("%s never showed %r\n%s" % (command, pattern, out))
        return out
