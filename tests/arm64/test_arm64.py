# SPDX-License-Identifier: MIT
"""The hypervisor on 64-bit Arm: test kernels and Debian's unmodified kernel and toolstack as dom0, on QEMU's `virt`
machine with GICv3 and GICv2 (emulation, EL2 by virtualization=on). `make boot ARCH=arm64` runs it.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pexpect
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HV = os.path.join(ROOT, "build/arm64/proxenos")
IMAGE = os.path.join(ROOT, "build/image/arm64")
sys.path.insert(0, os.path.join(ROOT, "tests/rig"))
import rig  # noqa: E402
from gdbstub import Debugger  # noqa: E402

LINE = "console=dtuart dtuart=/pl011@9000000 noreboot loglvl=all guest_loglvl=all "
BAD = re.compile(r"Panic on CPU|exception in the hypervisor|BUG at|not so:")
PATIENCE = float(os.environ.get("PATIENCE", "1"))  # stretches time limits, for a busy machine


def machine(gic, cpus, memory=2048, cpu="cortex-a57", more=""):
    return ["-M", "virt,virtualization=on,gic-version=%d%s" % (gic, more), "-cpu", cpu, "-m", str(memory), "-smp",
            str(cpus), "-display", "none", "-monitor", "none", "-nodefaults", "-serial", "stdio", "-no-reboot",
            "-kernel", HV]


def kernel(path, args="", address=0x49000000):
    return ["-device", "guest-loader,addr=0x%x,kernel=%s,bootargs=%s" % (address, path, args.replace(",", ",,"))]


class Dom0:
    """Debian's dom0 with the tests' shell on its console (image/dom0/rig.sh)."""

    def __init__(self, gic, cpus, initrd=os.path.join(IMAGE, "dom0.cpio.gz"), line="dom0_mem=768M", more=""):
        command = machine(gic, cpus) + ["-append", LINE + line]
        command += kernel(os.path.join(IMAGE, "vmlinuz"), "console=hvc0 quiet proxenos.script=rig" + more)
        command += ["-device", "guest-loader,addr=0x4d000000,initrd=" + initrd]
        self.child = pexpect.spawn("qemu-system-aarch64", command, timeout=300 * PATIENCE, encoding="utf-8", codec_errors="replace")
        self.text = ""
        self.wait("@@ready@@")

    def wait(self, what):
        self.child.expect(what)
        self.text += self.child.before
        assert not BAD.search(self.child.before), self.child.before

    def run(self, command):
        """Exit code and output of a command; a line that lost characters is sent again."""
        for _ in range(5):
            self.child.send("%d %s\n" % (len(command), command))
            if self.child.expect(["@@go@@", "@@again@@"]) == 0:
                break
        self.child.expect(r"@@rc=(\d+)@@")
        assert not BAD.search(self.child.before), self.child.before
        return int(self.child.match[1]), self.child.before.replace("\r", "").strip()

    def ok(self, command):
        code, output = self.run(command)
        assert code == 0, "%s: %s" % (command, output)
        return output

    def until(self, command, seconds=120):
        """Repeats a command in dom0 until it succeeds."""
        return self.ok("n=0; until %s; do n=$((n+1)); [ $n -lt %d ] || break; sleep 1; done; %s"
                       % (command, seconds, command))


@pytest.fixture(params=[(3, 1), (3, 4), (2, 1), (2, 4)], ids=lambda p: "gicv%d-%dcpu" % p)
def dom0(request):
    d = Dom0(*request.param)
    d.cpus = request.param[1]
    yield d
    d.child.close(force=True)


LOG = "/var/log/xen/console/guest-guest.log"


def test_dom0_and_guest(dom0):
    assert dom0.ok("nproc") == str(dom0.cpus)
    assert re.search(r"nr_cpus *: %d" % dom0.cpus, dom0.ok("xl info"))
    dom0.ok("xl create -q /etc/xen/guest.cfg 'vcpus=2'")
    dom0.until("grep -q 'guest: up' " + LOG)
    assert "2 vcpus" in dom0.ok("grep 'guest: Linux' " + LOG)
    dom0.ok("xl pause guest")
    assert "p" in dom0.ok("xl list guest | tail -1").split()[-2]
    dom0.ok("xl unpause guest")
    dom0.ok("xl shutdown -w guest")
    dom0.until("! xl list guest >/dev/null 2>&1")
    free = dom0.ok("xl info free_memory")
    dom0.ok("xl create -q /etc/xen/guest.cfg")
    dom0.ok("xl destroy guest")
    dom0.until("[ \"$(xl info free_memory)\" = %s ]" % free)


@pytest.mark.parametrize("gic", [3, 2])
def test_guest_loader(gic, tmp_path):
    """The command line of QEMU's documentation of its guest-loader, which is how all tests here start dom0: what it
    writes into the device tree, and a dom0 of Debian that has those modules and arguments. The ramdisk is behind that tree,
    which lies at 0x48000000."""
    kernel_at, initrd_at, initrd = 0x42000000, 0x49000000, os.path.join(IMAGE, "dom0.cpio.gz")
    image, args = os.path.join(IMAGE, "vmlinuz"), "console=hvc0 quiet proxenos.script=rig loader=a,b"
    command = machine(gic, 2) + ["-append", LINE + "dom0_mem=1G,max:1G"] + kernel(image, args, kernel_at)
    command += ["-device", "guest-loader,addr=0x%x,initrd=%s" % (initrd_at, initrd)]
    tree = str(tmp_path / "tree.dtb")
    subprocess.run(["qemu-system-aarch64"] + command + ["-M", "dumpdtb=" + tree], check=True, capture_output=True)
    for at, kind, path in [(kernel_at, "kernel", image), (initrd_at, "ramdisk", initrd)]:
        node = "/chosen/module@0x%x" % at
        get = ["fdtget", tree, node]
        assert subprocess.check_output(get + ["compatible"], text=True).split() == ["multiboot,module", "multiboot," + kind]
        reg = subprocess.check_output(get[:1] + ["-t", "i"] + get[1:] + ["reg"], text=True).split()
        assert [int(x) for x in reg] == [0, at, 0, os.path.getsize(path)]
    child = spawn(command)
    d = Dom0.__new__(Dom0)
    d.child, d.text = child, ""
    d.wait("@@ready@@")
    assert d.ok("cat /proc/cmdline") == args
    # The ramdisk's size as the kernel was told it, and memory as the hypervisor was.
    tell = "hexdump -v -e '8/1 \"%02x\"' /proc/device-tree/chosen/linux,initrd-{}"
    start, end = [int(d.ok(tell.format(w)), 16) for w in ("start", "end")]
    assert end - start == os.path.getsize(initrd)
    assert "dom0: 1024 MiB in" in d.text and re.search(r"^Domain-0 +0 +\d+ +2 ", d.ok("xl list"), re.M)
    d.child.close(force=True)


def test_more_vcpus_than_cpus():
    d = Dom0(3, 1, line="dom0_mem=768M dom0_max_vcpus=2")
    assert d.ok("nproc") == "2"
    d.child.close(force=True)


def run_kernel(path, gic=3, cpus=1, seconds=60, cpu="cortex-a57", args="", line=LINE, more=""):
    command = ["timeout", str(int(seconds * PATIENCE)), "qemu-system-aarch64"] + machine(gic, cpus, 1024, cpu, more)
    command += ["-append", line + "dom0_mem=64M"] + kernel(path, args)
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace").stdout.replace("\r", "")


def until_halted(command):
    """What a machine says that ends with "Halted", within ten seconds."""
    child = pexpect.spawn("qemu-system-aarch64", command, timeout=10 * PATIENCE, encoding="utf-8", codec_errors="replace")
    child.expect("Halted")
    text = child.before.replace("\r", "")
    child.close(force=True)
    return text


def test_our_daemons():
    """Cross-built, below Debian's xl."""
    d = Dom0(3, 2, os.path.join(IMAGE, "dom0-tools.cpio.gz"), more=" proxenos.tools=daemons")
    d.ok("xl create -q /etc/xen/guest.cfg 'vcpus=2'")
    d.until("grep -q 'guest: up' " + LOG)
    d.ok("xl shutdown -w guest")
    d.child.close(force=True)


def ours(gic, cpus):
    """A dom0 with nothing of Debian's toolstack."""
    return Dom0(gic, cpus, os.path.join(IMAGE, "dom0-ours.cpio.gz"), more=" proxenos.tools=ours")


@pytest.mark.parametrize("gic", [3, 2])
def test_our_toolstack(gic):
    d = ours(gic, 2)
    assert d.run("ls /usr/lib/xen-4.17/bin/xl")[0] != 0
    assert d.ok("xl info xen_m").split() == ["4", "17"]  # as Debian's
    free = d.ok("xl info free_memory")
    d.ok("xl create -q /etc/xen/guest.cfg 'vcpus=1' 'maxvcpus=1'")
    d.until("grep -q 'guest: up' " + LOG)
    d.until("(sleep 2; echo 'echo typed-$((40 + 2))'; sleep 5) | timeout 8 xl console guest > /tmp/typed; "
            "grep typed-42 /tmp/typed", 6)
    d.ok("xl pause guest")
    assert "p" in d.ok("xl list guest | tail -1").split()[-2]
    d.ok("xl unpause guest; xl reboot guest")
    d.until("[ $(grep -c 'guest: up' %s) = 2 ]" % LOG)
    d.ok("xl destroy guest; rm " + LOG)
    d.ok("xl create -q /etc/xen/guest.cfg 'vcpus=2' 'maxvcpus=2'")
    d.until("grep -q 'guest: up' " + LOG)
    assert "2 vcpus" in d.ok("grep 'guest: Linux' " + LOG)
    d.ok("xl shutdown -w guest")
    d.until("! xl list guest >/dev/null 2>&1")
    d.until("[ \"$(xl info free_memory)\" = %s ]" % free)
    code, text = d.run("xl create -q /etc/xen/guest.cfg 'kernel=\"/boot/guest.cpio.gz\"'")
    assert code == 3 and "compressed by gzip" in text, text
    d.child.close(force=True)


@pytest.mark.parametrize("tools, gic", [("debian", 3), ("debian", 2), ("ours", 3)])
def test_disk_and_network(tools, gic):
    """The seed's way of a disk: a loop device under phy:, and a bridge."""
    d = Dom0(gic, 2) if tools == "debian" else ours(gic, 2)
    run = ("echo hello-from-guest > /dev/xvda; sync; ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up; "
           "ping -c 3 10.0.0.1; echo pinged")
    d.ok("dd if=/dev/zero of=/tmp/d.img bs=1M count=8 2>/dev/null; losetup /dev/loop0 /tmp/d.img")
    d.ok("grep -v '^extra' /etc/xen/guest.cfg > /tmp/g.cfg")
    d.ok(r"""echo 'extra = "console=hvc0 quiet guest.run=\"%s\""' >> /tmp/g.cfg""" % run)
    d.ok("""echo "disk = [ 'phy:/dev/loop0,xvda,w' ]" >> /tmp/g.cfg""")
    d.ok("""echo "vif = [ 'bridge=xenbr0' ]" >> /tmp/g.cfg""")
    d.ok("xl create -q /tmp/g.cfg")
    d.until("grep -q '^pinged' " + LOG)
    assert "3 packets received" in d.ok("cat " + LOG)
    assert "hello-from-guest" in d.ok("sync; head -c 16 /tmp/d.img")
    d.ok("xl reboot guest")
    d.until("[ $(grep -c 'guest: up' %s) = 2 ]" % LOG)
    d.ok("xl destroy guest")
    d.child.close(force=True)


VUART_LOG = "/var/log/xen/console/guest-guest-vuart0.log"


def vuart_guest(d):
    """A guest's emulated UART: its kernel's console, and a shell that takes bytes by interrupts."""
    d.ok("grep -v '^extra' /etc/xen/guest.cfg > /tmp/g.cfg; echo 'vuart = \"sbsa_uart\"' >> /tmp/g.cfg")
    d.ok(r"""echo 'extra = "console=ttyAMA0 guest.run=\"sh -i </dev/ttyAMA0 >/dev/ttyAMA0 2>&1\""' >> /tmp/g.cfg""")
    d.ok("xl create -q /tmp/g.cfg")


def vuart_type(d, console):
    d.until("xenstore-read /local/domain/$(xl domid guest)/vuart/0/tty | grep -q /dev/pts")
    typed = "n=0; while [ $n -lt 200 ]; do n=$((n+1)); echo line-$n-of-many; done; echo typed-$((40 + 2))"
    d.until("(sleep 2; echo; echo '%s'; sleep 10) | timeout 15 %s > /tmp/typed; grep -q typed-42 /tmp/typed" % (typed, console), 6)
    output = d.ok("cat /tmp/typed").replace("\r", "")
    # More than the ring holds, and all of it in order.
    assert re.findall(r"^line-(\d+)-of-many$", output, re.M)[-200:] == [str(n + 1) for n in range(200)], output


@pytest.mark.parametrize("tools", ["debian", "ours"])
def test_emulated_uart(tools):
    d = Dom0(3, 2) if tools == "debian" else ours(3, 2)
    free = d.ok("xl info free_memory")
    vuart_guest(d)
    d.until("grep -q 'guest: up' " + VUART_LOG)
    assert "Booting Linux" in d.ok("cat " + VUART_LOG)
    vuart_type(d, "xenconsole --type vuart --interactive $(xl domid guest)" if tools == "debian"
               else "xl console -t vuart guest")
    d.ok("xl destroy guest")
    d.until("[ \"$(xl info free_memory)\" = %s ]" % free)
    d.child.close(force=True)


def initrd_with(scratch, files):
    """dom0's ramdisk with more in it: {path there: path here}."""
    for there, here in files.items():
        os.makedirs(os.path.dirname(scratch + "/more" + there), exist_ok=True)
        shutil.copy(here, scratch + "/more" + there)
    subprocess.run("cd %s/more; find . | cpio -o -H newc -R 0:0 --quiet | gzip -1n > ../more.gz; cat %s ../more.gz > ../initrd"
                   % (scratch, os.path.join(IMAGE, "dom0.cpio.gz")), shell=True, check=True)
    return scratch + "/initrd"


# The example of a guest's configuration in Xen's wiki, whose kernel has its drivers built in; Debian's has them in a
# ramdisk.
EXAMPLE = """kernel = "/root/image"
memory = 128
name = "guest"
vcpus = 1
disk = [ 'phy:/dev/loop0,xvda,w' ]
extra = "earlyprintk=xenboot console=hvc0 root=/dev/xvda debug rw init=/bin/sh"
"""


def test_example_of_the_wiki(tmp_path):
    """A shell on the root file system of a disk, on the guest's console."""
    root, config = str(tmp_path / "root.img"), str(tmp_path / "example.cfg")
    with open(config, "w") as f:
        f.write(EXAMPLE + 'ramdisk = "/boot/guest.cpio.gz"\n')
    for name in ["proc", "sys", "dev"]:
        os.makedirs(str(tmp_path / "root" / name))
    subprocess.run(["cp", "-a", os.path.join(IMAGE, "guest/bin"), str(tmp_path / "root")], check=True)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", str(tmp_path / "root"), root, "16M"], check=True)
    d = Dom0(3, 2, initrd_with(str(tmp_path), {"/root/image": os.path.join(IMAGE, "vmlinuz"), "/root/root.img": root,
                                               "/root/example.cfg": config}))
    d.ok("losetup /dev/loop0 /root/root.img")
    d.ok("xl create -q /root/example.cfg")
    d.until("tail -c 200 %s | grep -q '/ # '" % LOG, 180)
    typed = "grep /dev/xvda /proc/mounts; echo written-$((40 + 2)) > /file; cat /file; sync"
    d.ok("(sleep 2; echo '%s'; sleep 8) | timeout 15 xenconsole --interactive $(xl domid guest) > /tmp/typed; true" % typed)
    output = d.ok("cat /tmp/typed")
    assert "written-42" in output and re.search("^/dev/xvda / ext4 rw", output.replace("\r", ""), re.M), output
    assert re.search(r"guest +\d+ +128 +1 ", d.ok("xl list"))
    d.ok("xl destroy guest; sync; mount /root/root.img /mnt; grep written-42 /mnt/file")
    d.child.close(force=True)


KERNELS = sorted(name[:-2] for name in os.listdir(os.path.join(ROOT, "guest/tests-arm64")) if name.endswith(".c"))
SHARED = ["events", "fifo", "sched", "version"]  # GUEST64_SHARED
QUIET = LINE.replace("guest_loglvl=all", "guest_loglvl=none")  # each refusal would be a line
CPUS = {"basic": 2, "wait": 2, "gic": 2, "ipi": 2, "stage2": 2}


def check_kernel(name, gic, cpu="cortex-a57", args="", more=""):
    text = run_kernel(os.path.join(ROOT, "build/guest/arm64", name), gic, CPUS.get(name, 1), 120, cpu, args, QUIET, more)
    assert "verdict: pass" in text, text


@pytest.mark.parametrize("name", KERNELS + SHARED)
def test_kernel(name):
    check_kernel(name, 3)


def on_reads_of(register):
    """{address behind an instruction of the hypervisor's that reads a system register: register it reads to}"""
    code = subprocess.run(["aarch64-linux-gnu-objdump", "-d", HV + "-syms"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return {int(at, 16) + 4: int(x) for at, x in re.findall(r"^ *(\w+):.*\tmrs\tx(\d+), %s$" % register, code, re.M)}


def test_kernel_without_hpfar(tmp_path):
    """The architecture leaves HPFAR_EL2 undefined then: here it is a page that may be written, unlike QEMU's."""
    symbols = subprocess.run(["aarch64-linux-gnu-nm", HV + "-syms"], stdout=subprocess.PIPE, text=True, check=True).stdout
    handler = int(re.search(r"^(\w+) t on_data_abort$", symbols, re.M)[1], 16)
    reads = on_reads_of("hpfar_el2")
    stub, log = str(tmp_path / "gdb"), str(tmp_path / "log")
    command = ["timeout", str(int(120 * PATIENCE)), "qemu-system-aarch64"] + machine(3, 1, 1024) + [
        "-append", LINE + "dom0_mem=64M", "-gdb", "unix:%s,server=on,wait=off" % stub, "-S"]
    faults, is_permission = 0, False
    with open(log, "w") as out:
        qemu = subprocess.Popen(command + kernel(os.path.join(ROOT, "build/guest/arm64/readonly")),
                                stdin=subprocess.DEVNULL, stdout=out)
    with Debugger(stub, 60 * PATIENCE) as d:
        while faults < 100:
            at = d.run_to_any([handler, *reads])
            if at is None:
                break
            if at == handler:
                is_permission = d.register(1) & 0x3c == 0xc  # its syndrome
                faults += is_permission
            elif is_permission:
                d.set_register(reads[at], 0x78000000 >> 8)
    qemu.wait()
    with open(log) as f:
        text = f.read()
    assert "the first at 0x78000000" in text and "verdict: pass" in text, text
    assert faults == 14  # one for each store of the kernel's


def test_domu_of_each_test_program(tmp_path):
    """All that need no rights, one after the other."""
    names = sorted(set(KERNELS + SHARED) - {"device", "fifo", "leak", "stage2"})  # those are dom0
    more = {"/boot/" + name: os.path.join(ROOT, "build/guest/arm64", name) for name in names}
    d = Dom0(3, 2, initrd_with(str(tmp_path), more))
    for name in names:
        lines = ['name = "%s"' % name, 'kernel = "/boot/%s"' % name, "memory = 64", "vcpus = 2",
                 'extra = "calls=1000"']  # each refusal is a line
        d.ok("printf '%s' > /tmp/kernel.cfg" % "".join(line + "\\n" for line in lines))
        assert d.run("xl create -q /tmp/kernel.cfg")[0] == 0
        d.until("xl dmesg | grep -q ' verdict: '")
        text = d.ok("xl dmesg -c")
        assert re.search(r"\(d\d+\) verdict: pass", text), text
        d.until("! xl domid %s >/dev/null 2>&1" % name)
    d.child.close(force=True)


@pytest.mark.parametrize("name", ["basic", "gic"])
def test_kernel_gicv2(name):
    check_kernel(name, 2)


@pytest.mark.parametrize("gic, cpus", [(3, 1), (3, 2), (2, 1), (2, 2)])
def test_kernel_ipi_of_more_vcpus_than_cpus(gic, cpus):
    text = run_kernel(os.path.join(ROOT, "build/guest/arm64/ipi"), gic, cpus, 120, line=QUIET + "dom0_max_vcpus=4 ")
    assert "note: 4 vcpus" in text and "verdict: pass" in text, text


@pytest.mark.parametrize("name", sorted(set(KERNELS + SHARED) - {"basic", "gic"}))
def test_rest_on_gicv2(name):
    check_kernel(name, 2)


@pytest.mark.parametrize("cpu, more", [("max", ""), ("max", ",mte=on"), ("a64fx", ""), ("neoverse-n1", "")])
def test_all_system_registers_of_larger_cpus(cpu, more):
    """SVE, SME, memory tags, pointer authentication, RAS: not told of, and refused."""
    check_kernel("sysreg", 3, cpu, more=more)


def test_modes_of_the_largest_cpu():
    """PSTATE's newer bits."""
    check_kernel("modes", 3, "max")


@pytest.mark.parametrize("cpu, line", [("cortex-a57", "834220, 1319537"), ("cortex-a72", "1319367"),
                                       ("cortex-a53", "1530924"), ("cortex-a76", None), ("max", None)])
def test_errata(cpu, line):
    """Known by the CPU's number, and told in one line."""
    text = run_kernel(os.path.join(ROOT, "build/guest/arm64/basic"), cpus=2, cpu=cpu)
    assert "verdict: pass" in text, text
    assert re.findall(r"CPU errata worked around: (.*)", text) == ([line] if line else []), text


@pytest.mark.parametrize("seed", [2, 3])
def test_more_random_calls(seed):
    check_kernel("random", 3, args="calls=100000 seed=%d" % seed)


def module_nodes(address, image, args, ramdisk_address=0, ramdisk=None):
    node = """module@%x { compatible = "multiboot,%s", "multiboot,module"; reg = <0 0x%x 0 0x%x>; %s };
"""
    text = node % (address, "kernel", address, os.path.getsize(image), 'bootargs = "%s";' % args)
    if ramdisk:
        text += node % (ramdisk_address, "ramdisk", ramdisk_address, os.path.getsize(ramdisk), "")
    return text


def partial_node(address, path):
    return MODULE % (address, "device-tree", address, os.path.getsize(path))


def loader(address, path):
    return ["-device", "loader,addr=0x%x,force-raw=on,file=%s" % (address, path)]


def machine_tree(path, gic, cpus):
    """The source of the machine's own device tree."""
    blob = path + ".dtb"
    subprocess.run(["qemu-system-aarch64"] + machine(gic, cpus)[:8] + ["-M", "dumpdtb=" + blob], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return subprocess.run(["dtc", "-q", "-I", "dtb", "-O", "dts", blob], check=True, capture_output=True, text=True).stdout


def make_blob(path, text):
    with open(path, "w") as f:
        f.write(text)
    subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", path + ".dtb", path], check=True)
    return path + ".dtb"


def domains_tree(path, gic, cpus, domains, dom0=None, line=LINE, partials={}):
    """The machine's own device tree with xen,domain nodes: (cpus, MiB, kernel's address, path, arguments[, ramdisk's
    address, path]). dom0: the same for its modules, without cpus and memory. partials: partial device trees by guest."""
    text = machine_tree(path, gic, cpus)
    nodes = 'xen,xen-bootargs = "%s";\n#address-cells = <2>;\n#size-cells = <2>;\n' % line
    for i, (vcpus, size, *modules) in enumerate(domains):
        nodes += """domU%d { compatible = "xen,domain"; #address-cells = <2>; #size-cells = <2>; cpus = <%d>;
            memory = <0 %d>; vpl011; %s %s };
""" % (i, vcpus, size * 1024, module_nodes(*modules), partial_node(*partials[i]) if i in partials else "")
    nodes += module_nodes(*dom0) if dom0 else ""
    text = re.sub(r"(\n\tchosen \{\n)", lambda m: m[1] + nodes, text, count=1)
    # Properties come before nodes: those that were there move up.
    inner = re.search(r"\n\tchosen \{\n(.*?)\n\t\};", text, re.S)[1]
    own = re.findall(r"^\t\t[a-z-]+ = .*;$", inner, re.M)
    text = text.replace(inner, "\n".join(own) + "\n" + "\n".join(l for l in inner.split("\n") if l not in own))
    return make_blob(path, text)


MODULE = 'module@%x { compatible = "multiboot,%s", "multiboot,module"; reg = <0x0 0x%x 0x0 0x%x>; };\n'
BAD_TREES = {  # name: (what /chosen has more, what else is changed, the line)
    "overlap": (MODULE % (0x49000000, "kernel", 0x49000000, 0x1000000) + MODULE % (0x49800000, "ramdisk", 0x49800000, 0x1000),
                None, "the device tree is refused: boot modules overlap"),
    # One file may be two guests' kernel; nothing is one domain's kernel and its ramdisk, or the start of another file.
    "same": (MODULE % (0x49000000, "kernel", 0x49000000, 0x1000) + MODULE % (0x4900, "ramdisk", 0x49000000, 0x1000),
             None, "the device tree is refused: boot modules overlap"),
    "shorter": (MODULE % (0x49000000, "kernel", 0x49000000, 0x2000) + 'domU { compatible = "xen,domain";\n'
                "#address-cells = <2>; #size-cells = <2>;\n" + MODULE % (0x49000000, "kernel", 0x49000000, 0x1000) + "};\n",
                None, "the device tree is refused: boot modules overlap"),
    "outside": (MODULE % (0x1000, "kernel", 0x1000, 0x1000000), None,
                "the device tree is refused: a boot module does not lie in memory"),
    "empty": (MODULE % (0x49000000, "kernel", 0x49000000, 0), None,
              "the device tree is refused: a boot module does not lie in memory"),
    "wraps": (MODULE.replace("0x0 0x%x>", "0xffffffff 0x%x>") % (0x49000000, "kernel", 0x49000000, 0xfffffff0), None,
              "the device tree is refused: a boot module does not lie in memory"),
    "many": ("".join(MODULE % (a, "kernel", a, 0x1000) for a in range(0x49000000, 0x49000000 + 40 * 0x10000, 0x10000)),
             None, "the device tree is refused: it has too many boot modules"),
    # QEMU's loaders do not see that its own device tree, at 128 MiB, goes into such a module.
    "blob": (MODULE % (0x47000000, "kernel", 0x47000000, 0x1400000), None,
             "the device tree is refused: a boot module lies over the device tree"),
    "image": (MODULE % (0x40210000, "kernel", 0x40210000, 0x1000), None,
              "the device tree is refused: a boot module lies over the hypervisor"),
    "memreserve": (MODULE % (0x49000000, "kernel", 0x49000000, 0x10000), (r"\n/ \{", "\n/memreserve/ 0x4900f000 0x8;\n/ {"),
                   "the device tree is refused: a boot module lies in reserved memory"),
    "firmware": (MODULE % (0x49000000, "kernel", 0x49000000, 0x10000), (r"\n\t(psci) \{",
                 "\n\treserved-memory { #address-cells = <2>; #size-cells = <2>; ranges;\n"
                 "fw@49000000 { reg = <0x0 0x48fff000 0x0 0x2000>; }; };\n\t\\1 {"),
                 "the device tree is refused: a boot module lies in reserved memory"),
    "release": (MODULE % (0x49000000, "kernel", 0x49000000, 0x10000),
                (r"\n\t\tcpu@0 \{", "\\g<0>\n\t\t\tcpu-release-addr = <0x0 0x49001008>;"),
                "the device tree is refused: a boot module lies in reserved memory"),
    "reserved": ("", (r"\n\t(psci) \{", '\n\treserved-memory { #address-cells = <2>; #size-cells = <2>; ranges;\n'
                      'fw@0 { reg = <0xffffffff 0xfffff000 0x0 0x2000>; }; };\n\t\\1 {'),
                 "the device tree is refused: its reserved memory makes no sense, or is too much"),
    "distributor": ("", ("0x8000000 0x00 0x10000 0x00", "0x8000000 0x00 0x8000 0x00"), "no interrupt controller: the device tree"),
    "redistributor": ("", ("0x80a0000 0x00 0xf60000", "0x80a0000 0x00 0x10000"), "no interrupt controller: the device tree"),
    "gicv2": ("", ("0x8000000 0x00 0x10000 0x00", "0x8000000 0x00 0x800 0x00"), "no interrupt controller: the device tree"),
    "gich": ("", ("0x8030000 0x00 0x10000", "0x8030000 0x00 0x80"), "no interrupt controller: the device tree"),
    "gic": ("", (r'"arm,gic-v3"', '"arm,gic-v9"'), "no interrupt controller: the device tree has neither"),
}


@pytest.mark.parametrize("name", sorted(BAD_TREES))
def test_bad_device_tree(name, tmp_path):
    """One clear line, and the machine stands still."""
    chosen, change, line = BAD_TREES[name]
    gic = 2 if name in ("gicv2", "gich") else 3
    text = machine_tree(str(tmp_path / "tree"), gic, 1)
    if change:
        assert re.search(change[0], text, re.S), text
        text = re.sub(change[0], change[1], text, count=1, flags=re.S)
    cells = 'xen,xen-bootargs = "%s";\n#address-cells = <2>; #size-cells = <2>;\n' % LINE
    text = re.sub(r"(\n\tchosen \{\n(?:\t\t[a-z-]+ = .*;\n)*)", lambda m: m[1] + cells + chosen, text, count=1)
    blob = make_blob(str(tmp_path / "tree"), text)
    output = until_halted(machine(gic, 1) + ["-dtb", blob])
    assert output.count(line) == 1, output
    assert not re.search("exception in the hypervisor|BUG at|online", output), output


def test_many_reserved_areas(tmp_path):
    """As many as are accepted but for QEMU's own and the CPUs': each between two blocks of 2 MiB, for small pages in both."""
    areas = ["fw@%x { reg = <0x0 0x%x 0x0 0x2000>; };" % (at, at) for at in range(0x501ff000, 0x501ff000 + 60 * 0x400000, 0x400000)]
    node = "\n\treserved-memory { #address-cells = <2>; #size-cells = <2>; ranges; %s };\n\tpsci {" % " ".join(areas)
    path = os.path.join(ROOT, "build/guest/arm64/version")
    text = with_kernel(machine_tree(str(tmp_path / "tree"), 3, 1), path, QUIET).replace("\n\tpsci {", node, 1)
    child = spawn(machine(3, 1) + ["-dtb", make_blob(str(tmp_path / "tree"), text)] + loader(0x49000000, path))
    text = wait_for_all(child, [r"verdict: \w+\s"])
    child.close(force=True)
    assert "verdict: pass" in text, text


@pytest.mark.parametrize("gic", [3, 2])
def test_dom0less(gic, tmp_path):
    image = os.path.join(IMAGE, "vmlinuz")
    args = "console=ttyAMA0 panic=-1"
    blob = domains_tree(str(tmp_path / "tree"), gic, 2, [(1, 128, 0x50000000, image, args), (2, 128, 0x50000000, image, args)])
    command = machine(gic, 2) + ["-dtb", blob, "-device", "loader,addr=0x50000000,force-raw=on,file=" + image]
    child = pexpect.spawn("qemu-system-aarch64", command, timeout=120 * PATIENCE, encoding="utf-8", codec_errors="replace")
    wanted = {r"d%d: .*Unable to mount root fs" % i for i in (1, 2)}
    text = ""
    while wanted:
        child.expect(list(wanted))
        text += child.before + child.after
        wanted = {w for w in wanted if not re.search(w, text)}
    child.close(force=True)
    assert "d1: guest domU0 of the device tree, 128 MiB, 1 vcpus" in text
    assert re.search(r"d2: .*Brought up 1 node, 2 CPUs", text), text
    assert not BAD.search(text), text


def wait_for_all(child, patterns):
    """The console's text until all of them have come."""
    text = ""
    wanted = set(patterns)
    while wanted:
        child.expect(list(wanted))
        text += child.before + child.after
        assert not BAD.search(text), text
        wanted = {w for w in wanted if not re.search(w, text)}
    return text


def test_kernels_as_guests_of_the_device_tree(tmp_path):
    """All that need no rights, each beside another, without a dom0."""
    for names in [("basic", "events"), ("gic", "random"), ("sysreg", "calls"), ("wait", "sched"), ("readonly", "version"),
                  ("ipi", "modes")]:
        paths = [os.path.join(ROOT, "build/guest/arm64", n) for n in names]
        guests = [(2, 64, 0x50000000 + i * 0x1000000, p, "") for i, p in enumerate(paths)]
        blob = domains_tree(str(tmp_path / "tree"), 3, 2, guests, line=QUIET)
        child = spawn(machine(3, 2) + ["-dtb", blob] + loader(0x50000000, paths[0]) + loader(0x51000000, paths[1]))
        text = wait_for_all(child, [r"d%d: verdict: \w+\s" % i for i in (1, 2)])
        child.close(force=True)
        assert re.findall(r"verdict: (\w+)", text) == ["pass", "pass"], text


GUEST_INITRD = os.path.join(IMAGE, "guest.cpio.gz")
SHELL = r'console=ttyAMA0 quiet guest.run=\"sh -i </dev/console >/dev/console 2>&1\"'  # as a device tree source has it


def spawn(command):
    return pexpect.spawn("qemu-system-aarch64", command, timeout=180 * PATIENCE, encoding="utf-8", codec_errors="replace")


def type_slowly(child, text):
    """The port is read every 10 ms, and holds 32 bytes."""
    for c in text:
        child.send(c)
        time.sleep(0.02)


def test_consoles_of_two_guests(tmp_path):
    """Ctrl-a three times: from the first guest to the second, to the hypervisor's debug keys, and round again."""
    image = os.path.join(IMAGE, "vmlinuz")
    guest = (1, 160, 0x50000000, image, SHELL, 0x54000000, GUEST_INITRD)
    blob = domains_tree(str(tmp_path / "tree"), 3, 2, [guest, guest])
    child = spawn(machine(3, 2) + ["-dtb", blob] + loader(0x50000000, image) + loader(0x54000000, GUEST_INITRD))
    child.expect("Console input goes to guest d1")
    # The second one's prompt has no end of line: only what it prints in lines is seen before it has the input.
    child.expect("d1: .*guest: up")
    type_slowly(child, "\recho first-$((40 + 2))\r")
    child.expect("first-42")
    type_slowly(child, "\x01\x01\x01")
    child.expect("Console input goes to guest d2")
    type_slowly(child, "\recho second-$((40 + 3))\r")
    child.expect("second-43")
    type_slowly(child, "\x01\x01\x01")
    child.expect("Console input goes to the hypervisor")
    type_slowly(child, "m")
    child.expect("(?i)free")
    type_slowly(child, "\x01\x01\x01")
    child.expect("Console input goes to guest d1")
    type_slowly(child, "\recho again-$((40 + 4))\r")
    child.expect("again-44")
    child.close(force=True)


@pytest.mark.parametrize("gic", [3, 2])
def test_guest_of_the_device_tree_beside_dom0(gic, tmp_path):
    image = os.path.join(IMAGE, "vmlinuz")
    initrd = os.path.join(IMAGE, "dom0.cpio.gz")
    guest = (1, 160, 0x50000000, image, SHELL, 0x54000000, GUEST_INITRD)
    dom0_modules = (0x50000000, image, "console=hvc0 quiet proxenos.script=rig", 0x58000000, initrd)
    blob = domains_tree(str(tmp_path / "tree"), gic, 2, [guest], dom0_modules)
    child = spawn(machine(gic, 2) + ["-dtb", blob] + loader(0x50000000, image) + loader(0x54000000, GUEST_INITRD) +
                  loader(0x58000000, initrd))
    d = Dom0.__new__(Dom0)
    d.child, d.text = child, ""
    d.wait("@@ready@@")
    assert re.search(r"^\(null\)|^ +1 ", d.ok("xl list | tail -n +3"), re.M)
    d.ok("xl create -q /etc/xen/guest.cfg")
    d.until("grep -q 'guest: up' " + LOG)
    d.ok("xl destroy guest")
    type_slowly(child, "\x01\x01\x01")
    child.expect("Console input goes to guest d1")
    type_slowly(child, "\recho inside-$((40 + 5))\r")
    child.expect("inside-45")
    type_slowly(child, "\x01\x01\x01\x01\x01\x01") # the hypervisor, dom0
    child.expect("Console input goes to dom0")
    d.ok("true")
    child.close(force=True)


STUB = os.path.join(ROOT, "build/guest/arm64/spin-table.bin")
PARK = 0x47fff000  # of the stub: where its CPUs wait


def with_kernel(text, path, line, args=""):
    """A machine's tree with dom0's kernel in it, at 0x49000000."""
    chosen = 'xen,xen-bootargs = "%s dom0_mem=64M";\n#address-cells = <2>;\n#size-cells = <2>;\n' % line
    chosen += module_nodes(0x49000000, path, args)
    return re.sub(r"(\n\tchosen \{\n(?:\t\t[a-z-]+ = .*;\n)*)", lambda m: m[1] + chosen, text, count=1)


def spin_machine(gic, cpus, path, change=lambda text: text, line=QUIET, kernel="gic"):
    """A machine whose firmware has no PSCI (guest/firmware-arm64/spin-table.S), with a test kernel as dom0."""
    command = ["-M", "virt,secure=on,virtualization=on,gic-version=%d" % gic, "-cpu", "cortex-a57", "-m", "1024", "-smp",
               str(cpus), "-display", "none", "-monitor", "none", "-nodefaults", "-serial", "stdio", "-no-reboot"]
    blob = path + ".dumped"
    subprocess.run(["qemu-system-aarch64"] + command[:8] + ["-M", "dumpdtb=" + blob], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    text = subprocess.run(["dtc", "-q", "-I", "dtb", "-O", "dts", blob], check=True, capture_output=True, text=True).stdout
    text = re.sub(r'\n\t\t\tenable-method = "psci";', "", text)
    text = re.sub(r"\n\tpsci \{.*?\n\t\};\n", "\n", text, flags=re.S)
    for i in range(1, cpus):
        at = PARK + 0x800 + 8 * i
        text = text.replace("\n\t\tcpu@%d {\n" % i, "\n\t\tcpu@%d {\n\t\t\tenable-method = \"spin-table\";\n"
                            "\t\t\tcpu-release-addr = <0x0 0x%x>;\n" % (i, at))
    path_of = os.path.join(ROOT, "build/guest/arm64", kernel)
    text = with_kernel(text, path_of, line)
    assert "psci" not in text
    return command + ["-bios", STUB] + loader(0x44000000, HV) + loader(0x48000000, make_blob(path, change(text))) + \
        loader(0x49000000, path_of)


@pytest.mark.parametrize("gic, one_address", [(3, False), (2, False), (3, True)])
def test_spin_table(gic, one_address, tmp_path):
    """A kernel of as many vcpus as there are CPUs; then the machine, which nobody can switch off, says so. Of boot wrappers
    all CPUs wait for one address, and the first one's release wakes the others, too."""
    def change(text):
        one = "cpu-release-addr = <0x0 0x%x>" % (PARK + 0x800)
        return re.sub("cpu-release-addr = <[^>]*>", one, text) if one_address else text

    child = spawn(spin_machine(gic, 3, str(tmp_path / "tree"), change))
    text = wait_for_all(child, ["3 CPUs online", r"verdict: \w+\s", "Without PSCI the machine cannot be switched off"])
    child.close(force=True)
    assert "verdict: pass" in text, text
    assert text.count("no PSCI in the device tree: the machine can be neither reset nor switched off") == 1, text


@pytest.mark.parametrize("gic", [3, 2])
def test_levels_that_firmware_left_as_edges(gic, tmp_path):
    child = spawn(spin_machine(gic, 1, str(tmp_path / "tree"), kernel="device"))
    text = wait_for_all(child, [r"verdict: \w+\s"])
    child.close(force=True)
    assert "verdict: pass" in text, text


@pytest.mark.parametrize("at", [PARK + 0x809, 0x10000000, 0x7ffffffffffffff8])
def test_spin_table_that_makes_no_sense(at, tmp_path):
    """One line for each CPU that stays off; the others run."""
    def change(text):
        return text.replace("cpu-release-addr = <0x0 0x%x>" % (PARK + 0x808),
                            "cpu-release-addr = <0x%x 0x%x>" % (at >> 32, at & 0xffffffff))

    child = spawn(spin_machine(3, 3, str(tmp_path / "tree"), change))
    text = wait_for_all(child, ["2 CPUs online", r"verdict: \w+\s"])
    child.close(force=True)
    assert text.count("the CPU with MPIDR 0x1 stays off: its cpu-release-addr makes no sense") == 1, text
    assert "verdict: pass" in text, text


EARLY = os.path.join(ROOT, "build/arm64/early/proxenos")


@pytest.mark.parametrize("tree", ["none", "broken", "good"])
def test_early_uart(tree, tmp_path):
    """An image that prints before it has read the device tree, and halts with a line where there is none."""
    subprocess.run(["make", "-s", "-j2", "-C", ROOT, "ARCH=arm64", "B=build/arm64/early", "EARLY_UART=pl011,0x09000000",
                    "build/arm64/early/proxenos"], check=True, stdout=subprocess.DEVNULL)
    path = str(tmp_path / "tree")
    command = [re.sub("file=" + re.escape(HV) + "$", "file=" + EARLY, c) for c in spin_machine(3, 1, path)]
    if tree != "good":
        with open(path + ".dtb", "r+b") as f:  # of a broken one, the size of what it describes
            f.seek(0 if tree == "none" else 36)
            f.write(b"\xff" * 4)
    child = spawn(command)
    child.expect(r"verdict: \w+\s" if tree == "good" else r"halted\s")
    text = (child.before + child.after).replace("\r", "")
    child.close(force=True)
    begin = "- at EL2, image at 0000000044000000, device tree at 0000000048000000\n- the MMU goes on\n"
    assert text.startswith(begin), text
    if tree == "good":
        assert "verdict: pass" in text and text.count("Proxenos ") == 1, text
    else:
        assert text.strip() == begin + "(XEN) no device tree at 0x48000000, or a broken one: halted", text


@pytest.mark.parametrize("words", ["ns16550,0x1000,2", "ns16550,0x1000", "uart,0x1000", "pl011"])
def test_early_uart_of_other_kinds(words, tmp_path):
    """What QEMU's machine does not have is built at least; what makes no sense is not."""
    folder = str(tmp_path / "build")
    done = subprocess.run(["make", "-s", "-C", ROOT, "ARCH=arm64", "B=" + folder, "EARLY_UART=" + words,
                           folder + "/hv/arch/arm/arm64/head.o", folder + "/hv/init/arm/early_uart.o"],
                          capture_output=True, text=True)
    assert (done.returncode == 0) == words.startswith("ns16550"), done.stderr
    if done.returncode:
        assert "EARLY_UART is pl011,0xADDRESS or ns16550,0xADDRESS[,SHIFT]" in done.stderr


RTC_AT = 0x10010000  # where the guest has it
RTC = """rtc@10010000 {
    compatible = "arm,pl031", "arm,primecell";
    reg = <0x0 0x10010000 0x0 0x1000>;
    interrupts = <0 2 4>;
    clocks = <&clock>;
    clock-names = "apb_pclk";
    xen,reg = <0x0 0x9010000 0x0 0x1000 0x0 0x10010000>;
    xen,path = "/pl031@9010000";
    xen,force-assign-without-iommu;
};
"""
PARTIAL = """/dts-v1/;
/ {
    #address-cells = <2>;
    #size-cells = <2>;
    aliases { rtc0 = "/passthrough/rtc@10010000"; };
    gic: gic { #interrupt-cells = <3>; interrupt-controller; phandle = <0x77>; };
    passthrough {
        compatible = "simple-bus";
        ranges;
        #address-cells = <2>;
        #size-cells = <2>;
        interrupt-parent = <&gic>;
        clock: clock { compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <24000000>; };
        %s
    };
};
"""


SLOT = """virtio@10020000 {
    compatible = "virtio,mmio";
    reg = <0x0 0x10020000 0x0 0x1000>;
    interrupts = <0 16 1>;
    xen,reg = <0x0 0xa000000 0x0 0x1000 0x0 0x10020000>;
    xen,path = "/virtio_mmio@a000000";
    xen,force-assign-without-iommu;
};
"""


def partial_tree(path, device=RTC, whole=PARTIAL):
    return make_blob(path, whole % device)


@pytest.mark.parametrize("gic", [3, 2])
def test_device_for_a_guest(gic, tmp_path):
    """The clock's registers and its alarm's interrupt, in a guest that has it elsewhere than the machine."""
    path, partial = os.path.join(ROOT, "build/guest/arm64/device"), partial_tree(str(tmp_path / "partial"))
    guest = (1, 64, 0x50000000, path, "rtc=0x%x" % RTC_AT)
    blob = domains_tree(str(tmp_path / "tree"), gic, 2, [guest], partials={0: (0x58000000, partial)})
    child = spawn(machine(gic, 2) + ["-dtb", blob] + loader(0x50000000, path) + loader(0x58000000, partial))
    text = wait_for_all(child, [r"d1: verdict: \w+\s"])
    child.close(force=True)
    assert re.findall(r"verdict: (\w+)", text) == ["pass"], text


def test_device_for_a_guest_beside_dom0(tmp_path):
    """Debian's driver of the clock in the guest; dom0 has neither its node nor its registers, nor nodes whose registers
    are in one page with a guest's. What it reads there all the same is a bus error."""
    image, initrd = os.path.join(IMAGE, "vmlinuz"), os.path.join(IMAGE, "dom0.cpio.gz")
    partial = partial_tree(str(tmp_path / "partial"), RTC + SLOT)
    run = r'guest.run=\"ls /proc/device-tree/passthrough/rtc@10010000; cat /proc/device-tree/aliases/rtc0; echo; ' \
        r'cat /sys/class/rtc/rtc0/name /sys/class/rtc/rtc0/since_epoch; echo clock-read; sleep 10000\"'
    guest = (1, 160, 0x50000000, image, "console=ttyAMA0 " + run, 0x54000000, GUEST_INITRD)
    dom0_modules = (0x50000000, image, "console=hvc0 quiet iomem=relaxed proxenos.script=rig", 0x58000000, initrd)
    blob = domains_tree(str(tmp_path / "tree"), 3, 2, [guest], dom0_modules, partials={0: (0x5c000000, partial)})
    subprocess.run(["fdtput", blob, "/fw-cfg@9020000", "xen,passthrough"], check=True)  # nobody's yet
    child = spawn(machine(3, 2) + ["-dtb", blob] + loader(0x50000000, image) + loader(0x54000000, GUEST_INITRD) +
                  loader(0x58000000, initrd) + loader(0x5c000000, partial))
    text = wait_for_all(child, ["@@ready@@", "d1: clock-read"]).replace("\r", "")
    assert "rtc-pl031 10010000.rtc: registered as rtc0" in text and "d1: /passthrough/rtc@10010000" in text, text
    assert re.search(r"d1: (1[6-9]|2\d)\d{8}\n", text), text
    names = re.search(r"d1: (clock-names .*)", text)  # and nothing that is for the hypervisor
    assert names and names[1].split() == ["clock-names", "clocks", "compatible", "interrupts", "name", "reg"], text
    d = Dom0.__new__(Dom0)
    d.child, d.text = child, ""
    names = d.ok("ls /proc/device-tree")
    assert "pl061@9030000" in names and "pl031" not in names and "fw-cfg" not in names, names
    d.ok("grep -q 9030000 /proc/iomem; ! grep -q 9010000 /proc/iomem")
    slots = {int(at, 16) for at in re.findall(r"virtio_mmio@(\w+)", names)}
    assert slots == set(range(0xa001000, 0xa004000, 0x200)), names  # 0xa000000 is the guest's, seven share its page
    gone = re.findall(r"dom0: (\S+) is not in its device tree: a guest has a page of its registers", text)
    assert gone == ["virtio_mmio@%x" % at for at in range(0xa000200, 0xa001000, 0x200)], text
    assert d.ok("devmem 0x9030fe0") == "0x00000061"  # the PL061's
    for at in [0x9010fe0, 0x9020000, 0xa000000, 0xa000200]:
        assert d.run("devmem 0x%x" % at)[0] == 128 + signal.SIGBUS
    d.ok("xl destroy 1")
    d.until("! xl list | grep -q '^[^ ]* *1 '")
    child.close(force=True)


@pytest.mark.parametrize("gic", [3, 2])
def test_devices_set_aside(gic, tmp_path):
    """A bus with xen,passthrough: dom0 has neither the registers nor the interrupt of a device on it. The clock, which is
    not on it, has the same interrupt."""
    path = os.path.join(ROOT, "build/guest/arm64/device")

    def set_aside(device):
        inner = device[0].replace("<0x00 0x07 0x04>", "<0x00 0x02 0x04>")
        assert inner != device[0]
        return """
    bus { compatible = "simple-bus"; ranges; #address-cells = <2>; #size-cells = <2>; xen,passthrough; %s };
""" % inner

    text, count = re.subn(r"\n\tpl061@9030000 \{.*?\n\t\};", set_aside, machine_tree(str(tmp_path / "machine"), gic, 1),
                          flags=re.S)
    assert count == 1
    blob = make_blob(str(tmp_path / "tree"), with_kernel(text, path, QUIET, "withheld=0x9030fe0 silent=1"))
    child = spawn(machine(gic, 1) + ["-dtb", blob] + loader(0x49000000, path))
    text = wait_for_all(child, [r"verdict: \w+\s"])
    child.close(force=True)
    assert re.findall(r"verdict: (\w+)", text) == ["pass"], text


def without(line):
    assert line in RTC
    return RTC.replace(line, "")


def changed(what, to):
    assert what in RTC
    return RTC.replace(what, to)


HOST = "<0x0 0x9010000 0x0 0x1000 0x0 0x10010000>"
SECOND = RTC.replace("rtc@10010000", "rtc@10020000").replace(HOST, HOST.replace("0x9010000", "0x9030000"))
BAD_DEVICES = [  # what its tree has, what is said of it
    (without("xen,reg = %s;" % HOST), "rtc@10010000: it has xen,path and no xen,reg"),
    (without("xen,force-assign-without-iommu;"),
     "rtc@10010000: no IOMMU protects the machine from it: it takes xen,force-assign-without-iommu"),
    (changed(HOST, "<0x0 0x9010000 0x0 0x1000>"),
     "rtc@10010000: xen,reg is not rows of host address, size and guest address"),
    (changed(HOST, "<0x0 0x9010000 0x0 0x800 0x0 0x10010000>"), "rtc@10010000: xen,reg is not in whole pages"),
    (changed(HOST, "<0x0 0x9010000 0x0 0x0 0x0 0x10010000>"), "rtc@10010000: xen,reg is not in whole pages"),
    (changed(HOST, "<0x0 0x9010000 0xffffffff 0xfffff000 0x0 0x10010000>"),
     "rtc@10010000: xen,reg is beyond the address space"),
    (changed(HOST, "<0x0 0x9010000 0x0 0x80000000 0x0 0x10010000>"), "rtc@10010000: xen,reg overlaps the machine's memory"),
    (changed(HOST, "<0x0 0x8000000 0x0 0x10000 0x0 0x10010000>"),
     "rtc@10010000: xen,reg overlaps what the hypervisor uses itself"),
    (changed(HOST, "<0x0 0x9000000 0x0 0x1000 0x0 0x10010000>"),
     "rtc@10010000: xen,reg overlaps what the hypervisor uses itself"),
    (changed(HOST, "<0x0 0x9010000 0x0 0x1000 0x0 0x40001000>"),
     "xen,reg puts a device where the guest's memory or its emulated machine is"),
    (changed("/pl031@9010000", "/pl031@9010001"), "rtc@10010000: xen,path is no node of the machine's device tree"),
    (changed("/pl031@9010000", "/pl011@9000000"), "rtc@10010000: xen,path is the hypervisor's, or no device"),
    (changed("/pl031@9010000", "/cpus"), "rtc@10010000: xen,path is the hypervisor's, or no device"),
    (changed("/pl031@9010000", "/timer"), "rtc@10010000: an interrupt of xen,path is not shared, or there is none of its number"),
    (RTC + RTC.replace("rtc@10010000", "rtc@10020000").replace("0x10010000", "0x10020000"),
     "rtc@10020000: xen,reg overlaps what another device here or another guest has"),
    (RTC + RTC.replace("rtc@10010000", "rtc@10020000").replace(HOST, "<0x0 0x9030000 0x0 0x1000 0x0 0x10020000>"),
     "rtc@10020000: xen,path is another guest's already, or twice here"),
    (RTC + SECOND, "rtc@10020000: xen,reg has the guest's address of another device here"),
]


def test_devices_that_make_no_sense(tmp_path):
    """Each guest with such a tree is left out, in one line; the last one, which has nothing wrong, gets its device."""
    path = os.path.join(ROOT, "build/guest/arm64/device")
    trees = [partial_tree(str(tmp_path / ("partial%d" % i)), device) for i, (device, _) in enumerate(BAD_DEVICES)]
    lines = [line for _, line in BAD_DEVICES]
    broken = str(tmp_path / "broken")
    with open(broken, "wb") as f:
        f.write(open(trees[0], "rb").read()[:200])
    trees += [broken, partial_tree(str(tmp_path / "empty"), "", "/dts-v1/;\n/ { %s };\n")]
    lines += ["its partial device tree is none, or a broken one", "its partial device tree has no node /passthrough"]
    trees.append(partial_tree(str(tmp_path / "good")))
    trees.append(trees[-1])
    lines.append(None)
    lines.append("rtc@10010000: xen,reg overlaps what another device here or another guest has")
    at = [0x58000000 + i * 0x10000 for i in range(len(trees))]
    text = ""
    for first in range(0, len(trees), 14):  # two modules each
        chosen = list(range(first, min(first + 14, len(trees))))
        guests = [(1, 64, 0x50000000, path, "rtc=0x%x" % RTC_AT) for _ in chosen]
        blob = domains_tree(str(tmp_path / "tree"), 3, 2, guests, partials={n: (at[i], trees[i]) for n, i in enumerate(chosen)})
        command = machine(3, 2) + ["-dtb", blob] + loader(0x50000000, path)
        for i in chosen:
            command += loader(at[i], trees[i])
        child = spawn(command)
        wanted = [r"guest domU%d is left out: %s\s" % (n, re.escape(lines[i])) for n, i in enumerate(chosen) if lines[i]]
        got = wait_for_all(child, wanted + ([r"verdict: \w+\s"] if None in [lines[i] for i in chosen] else ["no kernel for dom0"]))
        child.close(force=True)
        assert got.count("is left out") == len(wanted), got
        text += got
    assert re.findall(r"d1: verdict: (\w+)", text) == ["pass"], text


def chosen_tree(path, chosen, change=lambda text: text):
    """The machine's own device tree with more in /chosen."""
    text = change(machine_tree(path, 3, 1))
    cells = "#address-cells = <2>;\n#size-cells = <2>;\n"
    return make_blob(path, re.sub(r"(\n\tchosen \{\n(?:\t\t[a-z-]+ = .*;\n)*)", lambda m: m[1] + cells + chosen, text, count=1))


EVENTS = os.path.join(ROOT, "build/guest/arm64/events")


def run_tree(blob, seconds=60):
    """What a machine with that tree says until its dom0, a test kernel, switches it off."""
    command = ["timeout", str(int(seconds * PATIENCE)), "qemu-system-aarch64"] + machine(3, 1, 1024) + ["-dtb", blob]
    command += loader(0x49000000, EVENTS)
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", check=True).stdout.replace("\r", "")


SPELLINGS = {"present": ("multiboot,kernel", "multiboot,module"), "seed": ("xen,linux-zimage", "xen,multiboot-module"),
             "plain": ("multiboot,module",)}


def events_node(args=None, spelling="present"):
    return "module@49000000 { compatible = %s; reg = <0 0x49000000 0 0x%x>; %s };\n" % (
        ", ".join('"%s"' % name for name in SPELLINGS[spelling]), os.path.getsize(EVENTS),
        "" if args is None else 'bootargs = "%s";' % args)


@pytest.mark.parametrize("properties, module, ours, dom0", [
    ("xen d0", None, "xen", "d0"),
    ("xen d0", "module", "xen", "d0"),
    ("xen d0 any", "module", "xen", "d0"),
    ("xen any", None, "xen", "any"),
    ("xen any", "module", "xen", "module"),
    ("xen", "module", "xen", "module"),
    ("xen", None, "xen", ""),
    ("d0 any", None, "any", "d0"),
    ("d0", None, "", "d0"),
    ("any", "module", "any", "module"),
    ("any", None, "", "any"),
])
def test_command_lines(properties, module, ours, dom0, tmp_path):
    """Whose line is whose, as Xen's document on booting with a device tree says."""
    names = {"xen": "xen,xen-bootargs", "d0": "xen,dom0-bootargs", "any": "bootargs"}
    chosen = "".join('%s = "loglvl=all dom0_mem=64M who=%s";\n' % (names[p], p) for p in properties.split())
    text = run_tree(chosen_tree(str(tmp_path / "tree"), chosen + events_node(module and "who=" + module)))
    assert "verdict: pass" in text and not BAD.search(text), text
    assert re.search(r"\(XEN\) Command line:(?:.* who=(\w+)| *)$", text, re.M)[1] == (ours or None), text
    assert re.search(r"arguments '(?:.*who=(\w+)|)'$", text, re.M)[1] == (dom0 or None), text


@pytest.mark.parametrize("spelling", sorted(SPELLINGS))
def test_spellings_of_modules(spelling, tmp_path):
    """Xen 4.4's names, today's, and a module that says no more than that it is one: a ramdisk behind the kernel."""
    ramdisk = {"present": ("multiboot,ramdisk", "multiboot,module"), "seed": ("xen,linux-initrd", "xen,multiboot-module"),
               "plain": ("multiboot,module",)}[spelling]
    chosen = 'xen,xen-bootargs = "loglvl=all dom0_mem=64M";\n' + events_node("who=" + spelling, spelling)
    chosen += "module@4d000000 { compatible = %s; reg = <0 0x4d000000 0 0x3000>; };\n" % ", ".join(
        '"%s"' % name for name in ramdisk)
    text = run_tree(chosen_tree(str(tmp_path / "tree"), chosen))
    assert "verdict: pass" in text and not BAD.search(text), text
    assert "arguments 'who=%s'" % spelling in text, text


DECOY = """	pl011@9010000 { compatible = "arm,pl011", "arm,primecell"; reg = <0x0 0x9010000 0x0 0x1000>; interrupts = <0 2 4>; };
"""


@pytest.mark.parametrize("dtuart, stdout, is_seen", [
    ("/pl011@9000000", None, True),
    ("serial0", None, True),
    ("serial0:115200n8", None, True),
    ("serial0", "/pl011@9010000", True),
    ("", "/pl011@9000000", True),
    ("", "serial0:115200", True),
    ("", None, False),
    ("serial1", "serial0", False),
    ("/pl011@9010000", None, False),
])
def test_console_of_the_device_tree(dtuart, stdout, is_seen, tmp_path):
    """dtuart= has a path or an alias and wins over stdout-path. The first port of the tree, which is taken when neither
    is there, is a clock that is called one: what goes there is not seen."""
    def change(text):
        text = re.sub(r"\n\t\tstdout-path = .*;", "", text)
        text = re.sub(r"\n\taliases \{.*?\n\t\};\n", "\n", text, flags=re.S)
        text = re.sub(r"\n\tpl031@9010000 \{.*?\n\t\};\n", "\n", text, flags=re.S)
        assert "aliases" not in text and "pl031" not in text and "stdout-path" not in text
        aliases = '\taliases { serial0 = "/pl011@9000000"; serial1 = "/pl011@9010000"; };\n'
        return re.sub(r"(\n\t[a-z0-9-]+(?:@\w+)? \{\n)", lambda m: "\n" + aliases + DECOY + m[1], text, count=1)

    line = "dom0_mem=64M loglvl=all" + (" console=dtuart dtuart=" + dtuart if dtuart else "")
    chosen = 'xen,xen-bootargs = "%s";\n' % line + ('stdout-path = "%s";\n' % stdout if stdout else "")
    text = run_tree(chosen_tree(str(tmp_path / "tree"), chosen + events_node(""), change))
    assert text.count("verdict: pass") == is_seen and text.count("dom0 has shut down") == is_seen, text
    if not is_seen:
        assert text == ""


# A change of a guest's node, or of its memory and cpus, and what is said of the guest.
BAD_GUESTS = [
    (dict(size=0), "memory"),
    (dict(size=8 << 10), "memory"),   # more than a guest can have
    (dict(size=1536), "memory"),      # more than this machine has
    (dict(without="memory"), "memory"),
    (dict(vcpus=0), "cpus|property"),
    (dict(vcpus=1000), "cpus|property"),
    (dict(without="cpus"), "cpus"),
    (dict(without_kernel=True), "no kernel"),
    (dict(image=HV + ".gz"), "Image"),
]


def test_guests_that_make_no_sense(tmp_path):
    """Each is left out, in one line that says why; its memory is there for the last one, which has nothing wrong."""
    path = os.path.join(ROOT, "build/guest/arm64/version")
    guests = []
    for change, _ in BAD_GUESTS + [({"size": 512}, None)]:
        image = change.get("image", path)
        guests.append((change.get("vcpus", 1), change.get("size", 64), 0x50000000 if image == path else 0x51000000, image, "x"))
    blob = domains_tree(str(tmp_path / "tree"), 3, 1, guests)
    for i, (change, _) in enumerate(BAD_GUESTS):
        if "without" in change:
            subprocess.run(["fdtput", "-d", blob, "/chosen/domU%d" % i, change["without"]], check=True)
        if "without_kernel" in change:
            subprocess.run(["fdtput", "-r", blob, "/chosen/domU%d/module@50000000" % i], check=True)
    child = spawn(machine(3, 1, 1024) + ["-dtb", blob] + loader(0x50000000, path) + loader(0x51000000, HV + ".gz"))
    text = wait_for_all(child, [r"verdict: \w+\s"])
    child.close(force=True)
    assert re.findall(r"verdict: (\w+)", text) == ["pass"], text
    told = re.findall(r"guest domU(\d+) is left out: (.*?)\r?$", text, re.M)
    assert [int(i) for i, _ in told] == list(range(len(BAD_GUESTS))), text
    for (_, why), (_, line) in zip(BAD_GUESTS, told):
        assert re.search(why, line), line
    assert "guest domU%d of the device tree, 512 MiB, 1 vcpus" % len(BAD_GUESTS) in text, text
def test_guests_that_are_left_out(tmp_path):
    """Memory that one took which did not get enough is the next one's; with nobody left there is nothing to run."""
    path = os.path.join(ROOT, "build/guest/arm64/basic")
    large, good = (1, 2040, 0x50000000, path, ""), (1, 1500, 0x50000000, path, "")
    blob = domains_tree(str(tmp_path / "tree"), 3, 1, [large, good])
    child = spawn(machine(3, 1) + ["-dtb", blob] + loader(0x50000000, path))
    text = wait_for_all(child, ["guest domU0 is left out: there is not enough memory", r"d\d: verdict: pass"])
    child.close(force=True)
    assert text.count("left out") == 1, text
    blob = domains_tree(str(tmp_path / "tree"), 3, 1, [large, (1, 2, 0x50000000, path, "")])
    text = until_halted(machine(3, 1) + ["-dtb", blob] + loader(0x50000000, path))
    assert text.count("is left out") == 2 and text.count("there is nothing to run") == 1, text


@pytest.mark.parametrize("tools", ["ours", "debian"])
def test_make_run(tools):
    """What a person sees who types it, with nobody to type more: a guest with console, disk and network, and the end."""
    run = subprocess.run(["make", "-s", "run", "ARCH=arm64", "TOOLS=" + tools], cwd=ROOT, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=240 * PATIENCE)
    text = re.sub(r"\x1b\[[\d;]*\w", "", run.stdout.replace("\r", ""))
    assert run.returncode == 0 and not BAD.search(text), text
    rest = text
    for line in [r"^\(XEN\) Proxenos .*arm64", r"^dom0: user space$", r"^xen_version +: 4\.17\.",
                 r"^==> xl create ", r"^guest: Linux .*-arm64, 1 vcpus", r"^guest: up$",
                 r"^guest +1 +\d+ +1 ", r"^ 202 +0 +16384 xvda$", r"^2 packets transmitted, 2 packets received",
                 r"^51712 +0 +1 +4 ", r"^0 +0 +00:16:3e:\S+ +0 +4 ", r"^==> xl shutdown -ww guest$",
                 r"^Domain-0 .*\n(?!guest)", r"dom0 has shut down: turning the machine off"]:
        found = re.search(line, rest, re.M)
        assert found, (line, text)
        rest = rest[found.end():]


def test_console_of_a_long_name(tmp_path):
    """dom0's tree cannot be made without it: a line, and not a dom0 that has our serial port."""
    text = with_kernel(machine_tree(str(tmp_path / "tree"), 3, 1), os.path.join(ROOT, "build/guest/arm64/basic"), QUIET)
    text = text.replace("pl011@9000000 {", "p" * 130 + "@9000000 {").replace('"/pl011@9000000"', '"/nothing"')
    output = until_halted(machine(3, 1) + ["-dtb", make_blob(str(tmp_path / "tree"), text)] +
                          loader(0x49000000, os.path.join(ROOT, "build/guest/arm64/basic")))
    assert "dom0: its device tree cannot be made (libfdt error 3)" in output, output


UBOOT = os.environ.get("UBOOT", "/usr/lib/u-boot/qemu_arm64/u-boot.bin")


@pytest.mark.parametrize("gic", [3, 2])
def test_uboot(gic):
    """U-Boot's booti, with the device tree changed by commands that a person would type."""
    image, initrd = os.path.join(IMAGE, "vmlinuz"), os.path.join(IMAGE, "dom0.cpio.gz")
    command = machine(gic, 2)
    command[command.index("-kernel"):] = ["-bios", UBOOT] + loader(0x44000000, HV) + loader(0x49000000, image)
    child = spawn(command + loader(0x4d000000, initrd))
    child.expect("Hit any key to stop autoboot")
    child.send("\r")
    for line in ["fdt addr 0x40000000", "fdt resize 0x1000",
                 "fdt set /chosen \\#address-cells <1>", "fdt set /chosen \\#size-cells <1>",
                 "fdt mknod /chosen module@0",
                 'fdt set /chosen/module@0 compatible "xen,linux-zimage" "xen,multiboot-module"',
                 "fdt set /chosen/module@0 reg <0x49000000 0x%x>" % os.path.getsize(image),
                 'fdt set /chosen/module@0 bootargs "console=hvc0 quiet proxenos.script=rig"',
                 "fdt mknod /chosen module@1",
                 'fdt set /chosen/module@1 compatible "xen,linux-initrd" "xen,multiboot-module"',
                 "fdt set /chosen/module@1 reg <0x4d000000 0x%x>" % os.path.getsize(initrd),
                 'fdt set /chosen xen,xen-bootargs "console=dtuart dtuart=/pl011@9000000 dom0_mem=768M"',
                 "booti 0x44000000 - 0x40000000"]:
        child.expect("=> ")
        type_slowly(child, line + "\r")
    child.expect("Proxenos .*arm64")
    d = Dom0.__new__(Dom0)
    d.child, d.text = child, ""
    d.wait("@@ready@@")
    assert d.ok("nproc") == "2"
    child.close(force=True)


def test_tree_without_memory(tmp_path):
    """What firmware that boots by ACPI hands over; with /chosen alone there would be no console either."""
    def change(text):
        return re.sub(r"\n\tmemory@40000000 \{.*?\n\t\};", "", text, flags=re.S)

    text = until_halted(spin_machine(3, 1, str(tmp_path / "tree"), change))  # QEMU's own loader would put memory in
    said = "the device tree is refused: it describes no memory (ACPI, which may describe it, is not supported)"
    assert text.count(said) == 1 and "exception in the hypervisor" not in text, text


@pytest.mark.parametrize("line", ["acpi=force", "acpi=off acpi=force smp=1"])
def test_acpi_is_refused(line):
    text = until_halted(machine(3, 1) + ["-append", LINE + line])
    assert text.count("acpi=force is refused: ACPI is not supported on Arm") == 1 and "online" not in text, text


@pytest.mark.parametrize("line, warned", [("acpi=on", 1), ("acpi", 1), ("acpi=force acpi=on", 1), ("acpi=off", 0), ("", 0),
                                          ("acpi=force no-acpi", 0), ("xacpi=force", 0)])
def test_acpi_is_left_aside(line, warned):
    text = until_halted(machine(3, 1) + ["-append", LINE + line])
    assert text.count("acpi: ACPI is not supported on Arm, the device tree is used") == warned, text
    assert "CPUs online" in text, text


def test_smmu_is_left_aside():
    path = os.path.join(ROOT, "build/guest/arm64/basic")
    output = run_kernel(path, more=",iommu=smmuv3")
    assert output.count("smmuv3@9050000 is left aside: dom0 does not see this SMMU, and devices reach all of memory") == 1, output
    assert "verdict: pass" in output and not BAD.search(output), output


def test_no_kernel():
    text = until_halted(machine(3, 2) + ["-append", LINE])
    assert "2 CPUs online" in text and "there is nothing to run" in text


def test_not_an_image():
    text = until_halted(machine(3, 1) + ["-append", LINE] + kernel(HV + ".gz"))
    assert "dom0: its kernel is not an uncompressed arm64 Image" in text


@pytest.mark.parametrize("line, initrd, said", [
    ("dom0_mem=1M", False, r"dom0: there is not enough memory"),
    ("dom0_mem=8M", False, r"dom0: its kernel needs \d+ MiB, and the largest part of its memory has 8\b"),
    ("dom0_mem=64M", True, r"dom0: kernel, initrd and device tree do not fit in its first 64 MiB"),
], ids=["1M", "8M", "64M"])
def test_too_little_memory(line, initrd, said):
    image = os.path.join(IMAGE, "vmlinuz")
    more = ["-append", LINE + line] + kernel(image)
    more += ["-device", "guest-loader,addr=0x4d000000,initrd=" + image] if initrd else []  # of some size, that is all
    text = until_halted(machine(3, 1) + more)
    assert len(re.findall(said, text)) == 1, text
