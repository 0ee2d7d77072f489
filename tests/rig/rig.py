# SPDX-License-Identifier: MIT
"""A machine in QEMU that runs a hypervisor image and a dom0, driven over its serial console.

    with Machine(hv="ours", cpus=2, mem=2048) as m:
        m.boot()                       # until dom0's shell answers
        rc, out = m.run("xl list")     # one command in dom0; m.ok() raises when it fails
        with m.guest("name") as g:     # a guest's shell, through xl console; leaving detaches
            g.ok("uname -r")
        m.crash_text()                 # hypervisor complaints so far, or None

hv is "ours", "peer" or a path; tools (else the environment's RIG_TOOLS) is "debian", "ours", "daemons" or "xl". Machine.expect() waits for raw console text, for kernels that have no shell.
Every byte of the console is in m.log. Time-outs are multiplied by the environment's PATIENCE.
"""
import importlib.util
import os
import re
import signal
import time

import pexpect

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
IMAGES = {"ours": os.environ.get("HV_OURS", "build/x86_64/proxenos"), "peer": "build/peer/xen.elf"}
PATIENCE = float(os.environ.get("PATIENCE", "1"))
CRASH = re.compile(r"(Panic on CPU|Assertion .* failed|Xen BUG at|PANIC:|BUG at |ASSERT failed|"
                   r"FATAL TRAP|FATAL PAGE FAULT|dom0 has crashed|Domain 0 crashed)[^\n]*")


def default_tools():
    return os.environ.get("RIG_TOOLS", "debian")


def dom0_image(tools):
    """dom0's root file system that has these tools."""
    return "build/image/dom0.cpio.gz" if tools == "debian" else "build/image/dom0-tools.cpio.gz"


_spec = importlib.util.spec_from_file_location("run_domu", os.path.join(ROOT, "guest", "run-domu.py"))
run_domu = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(run_domu)
NOT_CPU_0 = run_domu.NOT_CPU_0


def overlay(archive, files):
    """A kernel's initial root file system with more files, (name, mode, bytes) each, behind what it has."""
    return archive + b"\0" * (-len(archive) % 4) + run_domu.cpio(files)


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


class Shell:
    """A shell that speaks the protocol of image/dom0/rig.sh over the console: dom0's own, or a guest's."""

    def __init__(self, machine, name="dom0"):
        self.machine, self.name = machine, name

    @staticmethod
    def line(command):
        return "%d %s\n" % (len(command), command)

    def run(self, command, timeout=60):
        """Runs one line; returns (exit code, output without carriage returns and the hypervisor's own lines)."""
        m = self.machine
        for _ in range(0 if m.lost else 6):
            m.send(self.line(command))
            if self._accepted():
                break
        else:
            m.lost = True  # or each test to come would wait as long for the same answer
            raise RigError("%s does not take %r\n%s" % (self.name, command, m.tail()))
        match = m.expect(r"@@rc=(\d+)@@", timeout)
        out = m.child.before.replace("\r", "")
        out = "\n".join(l for l in out.split("\n") if not l.startswith("(XEN)")).strip("\n")
        return int(match.group(1)), out

    def _accepted(self):
        """A lost newline shows as silence: an empty line then brings the request to send again."""
        m = self.machine
        for _ in range(4):
            try:
                return m.expect(r"@@(go|again)@@", 15).group(1) == "go"
            except RigError:
                m.send("\n")
        return False

    def ok(self, command, timeout=60):
        rc, out = self.run(command, timeout)
        if rc != 0:
            raise RigError("%s: %s: exit code %d\n%s" % (self.name, command, rc, out))
        return out


class Guest(Shell):
    """A guest's shell: its console is attached on entry, and left as it was found on exit."""

    def __init__(self, machine, name, attached=False, login=None):
        super().__init__(machine, name)
        self.attached, self.login = attached, login

    def __enter__(self):
        m = self.machine
        if not self.attached:
            m.start("xl console " + self.name)
        if self.login:
            m.send(self.login + "\r")
        for _ in range(10):
            m.send("\r")
            if m.seen(r"[#$] (\x1b\[[0-9;?]*[a-zA-Z])*\Z", 10):
                m.send(". /etc/rig.sh\r")
                if m.seen("@@ready@@", 20):
                    return self
            m.send("\x03")
        said = m.tail()
        self.__exit__(RigError)
        raise RigError("no shell on %s's console\n%s" % (self.name, said))

    def __exit__(self, kind, *_):
        m = self.machine
        if kind is None:
            m.send("5 break\r")
            m.expect(r"[#$] (\x1b\[[0-9;?]*[a-zA-Z])*\Z", 20)
        m.send("\x1d")
        if kind is None:
            m.ended()


class Machine:
    def __init__(self, hv="ours", kernel="build/image/vmlinux", initrd=None, mem=2048, cpus=2, dom0_mem=768,
                 dom0_vcpus=None, hv_args="", dom0_args="", qemu_args=(), script="rig", module=None, log=None,
                 tools=None, medium=None, accel="tcg,thread=multi", cpu=None):
        """medium: an ISO image that boots by itself, instead of QEMU loading hypervisor and modules."""
        self.tools = tools or default_tools()
        initrd = dom0_image(self.tools) if initrd is None else initrd
        dom0_args = ("proxenos.tools=%s %s" % (self.tools, dom0_args)).strip()
        self.command = self._command(hv, kernel, initrd, mem, cpus, dom0_mem, dom0_vcpus, hv_args, dom0_args,
                                     qemu_args, script, module, medium, accel, cpu)
        self.tee = Tee(log or os.environ.get("RIG_LOG"))
        self.child = None
        self.lost = False  # a shell did not answer any more
        self.shell = Shell(self)

    @staticmethod
    def _command(hv, kernel, initrd, mem, cpus, dom0_mem, dom0_vcpus, hv_args, dom0_args, qemu_args, script, module,
                 medium, accel, cpu):
        line = "console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all"
        if dom0_mem:
            line += " dom0_mem=%dM,max:%dM" % (dom0_mem, dom0_mem)
        if dom0_vcpus:
            line += " dom0_max_vcpus=%d" % dom0_vcpus
        if module is None:
            module = "%s console=hvc0 proxenos.script=%s %s" % (kernel, script, dom0_args)
            if initrd:
                module += "," + initrd
        command = [os.environ.get("QEMU", "qemu-system-x86_64"), "-accel", accel, "-cpu", cpu or os.environ.get(
                   "RIG_CPU", "max,-smap,-rdtscp"), "-m", str(mem), "-smp", str(cpus), "-M", "q35", "-display", "none",
                   "-monitor", "none", "-chardev", "stdio,id=tty,signal=off", "-serial", "chardev:tty", "-no-reboot"]
        if medium:
            command += ["-cdrom", medium]
        else:
            command += ["-kernel", IMAGES.get(hv, hv), "-append", (line + " " + hv_args).strip()]
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

    def __exit__(self, kind, *_):
        if kind is not None:
            print(self.state())
        # On a busy machine giving back gigabytes takes longer than pexpect's own patience.
        if self.child.isalive():
            self.child.kill(signal.SIGKILL)
            self.child.wait()
        self.child.close()

    @property
    def log(self):
        return self.tee.text.replace("\r", "")

    def tail(self, lines=40):
        return "\n".join(self.log.split("\n")[-lines:])

    def crash_text(self):
        found = CRASH.search(self.log)
        return found.group(0) if found else None

    def state(self):
        """What the hypervisor's debug keys tell of vcpus, events, timers and queues; for the report of a test that failed."""
        if not self.child.isalive():
            return "QEMU has ended (%s)" % self.child.status
        begin = len(self.log)
        try:
            self.send("\x01\x01\x01")
            for key in "qdare":
                self.send(key)
                self.seen("NEVER", 2)
            self.send("\x01\x01\x01")
        except OSError as why:
            return "%s\nQEMU has ended meanwhile (%s)" % (self.log[begin:], why)
        return self.log[begin:]

    def expect(self, pattern, timeout=60):
        """Waits for a regular expression on the console and returns its match."""
        try:
            self.child.expect(pattern, timeout=timeout * PATIENCE)
        except (pexpect.TIMEOUT, pexpect.EOF) as why:
            raise RigError("no %r within %d s (%s)\n%s" % (pattern, timeout, type(why).__name__, self.tail())) from None
        return self.child.match

    def seen(self, pattern, timeout):
        try:
            self.expect(pattern, timeout)
            return True
        except RigError:
            return False

    def send(self, text):
        """Types slowly: the hypervisor's receive buffer is small."""
        for i in range(0, len(text), 16):
            self.child.send(text[i:i + 16])
            time.sleep(0.01)

    def boot(self, timeout=150):
        self.expect("@@ready@@", timeout)

    def run(self, command, timeout=60):
        return self.shell.run(command, timeout)

    def ok(self, command, timeout=60):
        return self.shell.ok(command, timeout)

    def start(self, command):
        """Starts a command of dom0 that takes over the console, such as `xl console`; it ends in m.ended()."""
        self.send(self.shell.line(command))
        self.expect("@@go@@", 30)

    def ended(self, timeout=30):
        return int(self.expect(r"@@rc=(\d+)@@", timeout).group(1))

    def guest(self, name, attached=False, login=None):
        return Guest(self, name, attached, login)

    def wait_for(self, command, pattern, timeout=60):
        """Repeats a command once a second, inside dom0, until its output matches."""
        line = ("i=0; while [ $i -lt %d ] && ! { %s; } 2>&1 | grep -Eq '%s'; do i=$((i + 1)); sleep 1; done; { %s; } 2>&1"
                % (timeout, command, pattern, command))
        rc, out = self.run(line, timeout * 3 + 30)
        if not re.search(pattern, out, re.M):
            raise RigError("%s never showed %r\n%s" % (command, pattern, out))
        return out

    def memory(self):
        """What is in use, exactly, as {free: KiB, heap: bytes, ...}, when two looks a second apart agree and no domain is
        dying. The figures come from the debug keys; the peer does not tell its heap."""
        last = None
        for _ in range(30):
            self.ok("xl debug-keys m; xl debug-keys H; xl list | tail -n +2 | wc -l", 120)
            now = self._memory_said(self.ok("xl dmesg -c | sed 's/^(XEN) //'", 120))
            if now == last:
                return now
            last = now
            self.run("sleep 1")
        raise RigError("memory does not settle: %s" % last)

    @staticmethod
    def _memory_said(text):
        said = {}
        for what, pattern in (("free", r"free: +(\d+)KiB"), ("claimed", r"claimed: +(\d+)KiB"), ("free", r"Dom heap: (\d+)kB free"),
                              ("heap", r"heap: (\d+) bytes in use")):
            found = re.search(pattern, text)
            if found:
                said[what] = int(found.group(1))
        if "free" not in said:
            raise RigError("the debug key m shows no free memory\n" + text)
        return said
