# SPDX-License-Identifier: MIT
"""Our xl beside Debian's in one dom0 session: the same output byte for byte and the same exit code for what scripts read,
guests of the one seen and handled by the other, creates that fail or are killed at each step and leave nothing behind."""
import json
import re

import pytest

from rig import NOT_CPU_0, Machine

DEBIAN = "/usr/lib/xen-4.17/bin/xl"
OURS = "/usr/lib/proxenos/bin/xl"
DEVICES = "'disk=[\"file:/tmp/d.img,xvda,w\"]' 'vif=[\"bridge=xenbr0,mac=00:16:3e:01:02:03\"]'"
STEPS = "kernel domain settings disks networks memory store devices files name start end".split()

# What both must print alike while one paused guest is there.
SAME = ("list guest", "list -v guest", "list -c guest", "list -n guest", "list -Z guest", "list nosuch", "domid guest",
        "domid nosuch", "domname 99", "vm-list", "info", "info -n", "claims guest", "sched-credit2", "sched-credit2 -s",
        "sched-credit2 -d guest", "sched-credit", "cpupool-list", "cpupool-list -c", "cpupool-list nosuch",
        "block-list guest", "network-list guest", "channel-list guest", "vcpu-list guest", "vcpu-list nosuch",
        "getenforce", "pause nosuch", "trigger guest nonsense", "mem-set guest 1x")


@pytest.fixture(scope="module")
def m(hv):
    with Machine(hv, cpus=2, mem=2048, dom0_vcpus=2, tools="xl") as machine:
        machine.boot()
        machine.ok("truncate -s 8M /tmp/d.img")
        yield machine


def both(m, command):
    """(exit code, stdout) of each; stderr is not compared: ours says more."""
    said = [m.run("%s %s 2>/dev/null" % (xl, command)) for xl in (DEBIAN, OURS)]
    # dom0's time goes on between the two.
    return [(rc, re.sub(r"^(Domain-0 .*[-s]) +\d+\.\d", r"\1 TIME", out, flags=re.M)) for rc, out in said]


def leftovers(m):
    """All that a domain may leave: in the hypervisor, the store, /run, the kernel."""
    return m.ok("xl list | tail -n +2 | cut -c1-44; xenstore-ls -f | grep -E '/local/domain/[1-9]|/libxl/|^/vm/|backend/v[a-z]+/'; "
                "ls /run/xen/creating /run/xen/names /run/xen/disks 2>/dev/null | grep -v -e : -e '^$'; ls /var/lib/xen; "
                "losetup -a; ls /sys/class/net; true")


@pytest.fixture(scope="module")
def guest(m):
    m.ok("%s create -q -p /etc/xen/guest.cfg %s" % (DEBIAN, DEVICES), 60)
    yield m
    m.run("%s destroy guest" % DEBIAN)


@pytest.mark.parametrize("command", SAME)
def test_same(guest, command):
    debian, ours = both(guest, command)
    assert ours == debian


def test_json_is_json(guest):
    for command in ("list", "vcpu-list", "info", "info -n", "cpupool-list", "block-list guest", "network-list guest",
                    "uptime", "console-list guest", "channel-list guest", "vm-list", "claims", "domid guest", "domname 0",
                    "sched-credit2", "sched-credit2 -s", "sched-credit2 -d guest", "check /etc/xen/guest.cfg", "monitor -s",
                    "getenforce", "top -b -i 1"):
        out = guest.run("%s %s --json" % (OURS, command))[1]
        assert isinstance(json.loads(out), (list, dict)), command


def test_ours_handles_debians_guest(guest):
    guest.ok("xl unpause guest && xl pause guest && xl rename guest other && xl rename other guest")
    guest.ok("xl vcpu-pin guest 0 1 && xl vcpu-pin guest all all all")
    assert "guest" in guest.ok("%s list" % DEBIAN)


def test_metrics(guest):
    out = guest.ok("xl metrics")
    assert re.search(r'^xen_domain_memory_bytes\{domid="\d+",name="guest"\} \d+$', out, re.M)
    for line in out.split("\n"):
        assert re.match(r"(# (HELP|TYPE) \w+ .+|\w+(\{[^}]*\})? [-0-9.e+]+)$", line), line


def test_destroy_leaves_nothing(guest):
    guest.ok("xl destroy guest")
    assert "guest" not in guest.ok("xl list")
    rest = leftovers(guest)
    assert "/dev/loop" not in rest and "/vm/" not in rest and "vif" not in rest, rest


def test_create_runs_a_guest(m):
    m.ok("xl create -q /etc/xen/guest.cfg %s" % DEVICES, 60)
    assert re.search(r"^guest +\d+ +19\d +1 ", m.ok("%s list" % DEBIAN), re.M)
    m.wait_for("cat /var/log/xen/console/guest-guest.log", "guest: up", 120)
    m.wait_for("xl block-list guest", "51712 +0 +[0-9]+ +4 ", 30)
    m.wait_for("xl network-list guest", "00:16:3e:01:02:03 +0 +4 ", 30)
    with m.guest("guest") as g:
        assert g.ok("echo $((6 * 7))guest") == "42guest"


def test_hot_plug(m):
    m.ok("truncate -s 4M /tmp/e.img && xl block-attach guest /tmp/e.img,raw,xvdb,w")
    m.wait_for("xl block-list guest", "51728 +0 +[0-9]+ +4 ", 30)
    rc, out = m.run("xl block-attach guest /tmp/e.img,raw,xvdc,w 2>&1")
    assert rc == 1 and "in use" in out
    m.ok("xl block-detach guest xvdb")
    assert "e.img" not in m.ok("losetup -a")
    m.ok("xl network-attach guest bridge=xenbr0")
    m.wait_for("xl network-list guest", "^1 .* 4 ", 30)
    m.ok("xl network-detach guest 1")


def test_reboot_and_shutdown(m):
    domid = int(m.ok("xl domid guest"))
    m.ok("xl reboot guest")
    m.wait_for("xl list", "guest +%d " % (domid + 1), 60)
    m.wait_for("xl block-list guest", "51712 +0 +[0-9]+ +4 ", 90)
    m.ok("xl shutdown -w guest", 60)
    m.wait_for("xl list | grep -c guest", "^0", 30)
    rest = leftovers(m)
    assert "/dev/loop" not in rest and "/vm/" not in rest and "vif" not in rest, rest


def test_wait_for_a_slow_death(m):
    """A domain is gone when the last who maps its memory lets go, later than the store tells of its end: -ww sees that too."""
    m.ok("xl create -q -p /etc/xen/guest.cfg; kill -STOP $(pidof xenconsoled); (xl shutdown -ww guest > /tmp/said) & sleep 1", 60)
    m.ok("xl destroy guest; sleep 1; xl list | grep -E ' [-a-z]{5}d '; kill -CONT $(pidof xenconsoled)", 60)
    m.wait_for("cat /tmp/said", "Domain [0-9]+ has been destroyed", 20)


def test_unplugged_while_it_is_plugged_in(m):
    """A disk taken away while the guest's driver still connects goes too, and the guest's driver lives."""
    log = "/var/log/xen/console/guest-guest.log"
    m.ok("rm -f %s; xl create -q /etc/xen/guest.cfg; truncate -s 1M /tmp/p.img" % log, 60)
    m.wait_for("cat " + log, "guest: up", 120)
    for i in range(8):
        m.ok("xl block-attach guest /tmp/p.img,raw,xvdb,w; sleep 0.%d; xl block-detach guest xvdb; sleep 1" % i, 60)
    m.ok("! grep 'kernel BUG' " + log)


def test_name_is_free_after_ww(m):
    """shutdown -ww is done when all of the guest is gone, its nodes and name too: another of its name can be made at once."""
    m.ok("for d in b c d e; do truncate -s 1M /tmp/$d.img; xl block-attach guest /tmp/$d.img,raw,xvd$d,w; done", 120)
    m.ok("xl shutdown -ww guest && xl create -q -p /etc/xen/guest.cfg", 120)
    m.ok("xl destroy guest", 60)


@pytest.mark.parametrize("kind", ("pv", "pvh"))
@pytest.mark.parametrize("how", ("fail", "kill"))
def test_faults_leave_nothing(m, how, kind):
    m.run("xl monitor")
    before = leftovers(m)
    for step in STEPS[:-1] if how == "fail" else STEPS:
        rc, out = m.run("XL_CREATE_FAULT=%s:%s xl create -q -p /etc/xen/guest.cfg %s 'type=\"%s\"'" % (how, step, DEVICES, kind), 60)
        assert rc != 0, step
        # What was killed is undone by the monitor, in its own time.
        for _ in range(10):
            m.run("sleep 1")
            rest = leftovers(m)
            if rest == before:
                break
        assert rest == before, "%s at %s: %s" % (how, step, out)


def test_second_create_harms_nobody(m):
    """The same configuration twice, UUID and all: the second is refused, and what it undoes is not the first."""
    same = "'uuid=\"11111111-2222-3333-4444-555555555555\"'"
    m.ok("xl create -q -p /etc/xen/guest.cfg %s" % same, 60)
    domid = m.ok("xl domid guest")
    for how in ("", "XL_CREATE_FAULT=fail:kernel", "XL_CREATE_FAULT=kill:kernel"):
        assert m.run("%s xl create -q -p /etc/xen/guest.cfg %s 'name=\"%s\"'" % (how, same, "other" if how else "guest"), 60)[0] != 0
        m.run("sleep 2")
        assert m.ok("xl domid guest") == domid
    m.ok("xl destroy guest")


def test_errors_name_the_cause(m):
    for text, words in (("kernel=\"/nosuch\"", "/nosuch"), ("memory=", "x.cfg:3:"), ("memory=320000", "MiB"),
                        ("disk=[\"/nosuch.img,raw,xvda,w\"]", "/nosuch.img"), ("vif=[\"bridge=nosuch\"]\\nmemory=128", "nosuch")):
        m.ok("printf 'name=\"x\"\\nkernel=\"/boot/vmlinuz\"\\n%s\\n' > /tmp/x.cfg" % text)
        rc, out = m.run("xl create -q /tmp/x.cfg 2>&1", 60)
        assert rc == 3 and words in out, out
        assert "x " not in m.ok("xl list")


def test_pvh_vcpus_that_come_later(m):
    """Our tables announce all that may be, and the kernel takes down at first those that the store has offline."""
    m.ok("rm -f /var/log/xen/console/guest-late.log; xl create -q /etc/xen/guest.cfg 'name=\"late\"' 'type=\"pvh\"' "
         "vcpus=1 maxvcpus=2 'cpus=\"%s\"'" % NOT_CPU_0, 60)
    m.wait_for("cat /var/log/xen/console/guest-late.log", "guest: up", 150)
    m.wait_for("xl vcpu-list late | grep -c -- '--p'", "1", 60)
    m.ok("xl vcpu-set late 2")
    with m.guest("late") as g:
        g.ok("cd /sys/devices/system/cpu; i=0; while [ $i -lt 30 ] && ! grep -q '^0-1$' present; do i=$((i + 1)); sleep 1; done; "
             "grep -q 1 cpu1/online || echo 1 > cpu1/online")
        assert g.ok("grep -c ^processor /proc/cpuinfo").strip() == "2"
    m.ok("xl destroy late")


def test_check_of_pvh(m):
    """A kernel without the entry is told by name before anything is made; one with it can run here."""
    m.ok("printf 'name=\"x\"\\ntype=\"pvh\"\\nmemory=64\\nkernel=\"/bin/sh\"\\n' > /tmp/x.cfg")
    rc, out = m.run("xl check /tmp/x.cfg; xl create -q /tmp/x.cfg 2>&1")
    assert rc == 3 and len(re.findall("kernel /bin/sh: no Xen note with a PVH entry", out)) == 2, out
    assert "nothing keeps guest from running here" in m.ok("xl check /etc/xen/guest.cfg 'type=\"pvh\"'")


def test_check(m):
    """xl check names every reason with its cure, for each file by itself, and creates nothing."""
    m.ok("printf 'name=\"x\"\\nkernel=\"/boot/vmlinuz\"\\ninitrd=\"/boot/guest.cpio.gz\"\\nmemory=9999999\\n"
         "vif=[\"bridge=nosuch\"]\\ndisk=[\"/tmp/d.img,qcow2,xvda,w\"]\\n' > /tmp/x.cfg; printf 'name=\"y\"\\n' > /tmp/y.cfg")
    rc, out = m.run("xl check /tmp/x.cfg /tmp/y.cfg /etc/xen/guest.cfg 2>&1")
    assert rc == 1
    for words in (r'^xl: warning: /tmp/x.cfg:3:1: unknown key "initrd"; ignored \(did you mean "ramdisk"\?\)$',
                  r"^/tmp/x.cfg: memory: 9999999 MiB are asked for", r"^/tmp/x.cfg: vif 0: there is no bridge nosuch\n +ip link add",
                  r"^/tmp/x.cfg:6:7: disk xvda: qcow2 disks need QEMU .*\n +install qemu-system-xen",
                  r"^/tmp/y.cfg: a guest of type pv needs a kernel", r"^/etc/xen/guest.cfg: nothing keeps guest from running here$"):
        assert re.search(words, out, re.M), "%s\n%s" % (words, out)
    assert m.run("xl check 'bootloader=\"nosuch\"' /etc/xen/guest.cfg")[0] == 1
    assert m.run("xl check")[0] == 2
    assert "x " not in m.ok("xl list")
