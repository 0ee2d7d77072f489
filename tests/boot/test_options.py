# SPDX-License-Identifier: MIT
"""The hypervisor's command line: what is not understood is named once, and options do what docs/options.md says."""
import os
import re
import subprocess

import pytest
from gdbstub import Debugger
from rig import IMAGES, ROOT, Machine, RigError

HELLO = "build/guest/hello.elf"


def symbols(hv):
    return os.path.join(ROOT, IMAGES.get(hv, hv)) + "-syms"


def address(hv, name):
    table = subprocess.run(["nm", symbols(hv)], stdout=subprocess.PIPE, text=True, check=True).stdout
    return int(re.search(r"^([0-9a-f]+) \w %s$" % name, table, re.M).group(1), 16)


def warnings(m):
    return [line for line in m.log.split("\n") if "(XEN) command line:" in line]


def test_not_understood(hv):
    """One warning for each name, however often it is given; the rest of the line counts."""
    line = "nonsense=1 maxcpus=many nonsense no-rubbish maxcpus=few clocksource=hpet nosmp"
    with Machine(hv, cpus=2, hv_args=line, module=HELLO) as m:
        m.expect("verdict: pass", 60)
        assert warnings(m) == [
            "(XEN) command line: clocksource hpet is not offered; using the TSC",
            "(XEN) command line: unknown option nonsense; ignored",
            "(XEN) command line: the value of maxcpus is not understood; ignored",
            "(XEN) command line: unknown option no-rubbish; ignored"]
        assert "(XEN) 1 CPUs online" in m.log


def test_xen_names_are_known(hv):
    """Options of Xen that have no effect here, and one that GRUB's menus put first, are not complained about."""
    with Machine(hv, cpus=1, hv_args="placeholder cpufreq=none iommu=0 no-real-mode edd=off sync_console flask=late",
                 module=HELLO) as m:
        m.expect("verdict: pass", 60)
        assert warnings(m) == []


def test_mem_below_modules(hv):
    """mem= cannot cut off what the loader has put there."""
    with Machine(hv, cpus=1, mem=512, dom0_mem=8, hv_args="mem=1M", module=HELLO) as m:
        m.expect(r"\(XEN\) command line: mem is raised to \d+ MiB, where the modules end", 30)


def test_watchdog_quiet(hv):
    with Machine(hv, cpus=4, hv_args="watchdog watchdog_timeout=4") as m:
        m.boot()
        assert "(XEN) Watchdog: 4 seconds" in m.log
        m.ok("sleep 12", 120)
        assert m.crash_text() is None


def test_watchdog_alone(hv):
    with Machine(hv, cpus=1, hv_args="watchdog", module=HELLO) as m:
        m.expect(r"\(XEN\) Watchdog: needs two CPUs; off", 30)
        m.expect("verdict: pass", 60)


@pytest.mark.parametrize("timeout", [3])
def test_watchdog_barks(hv, tmp_path, timeout):
    """A CPU that loops in the hypervisor with interrupts off: a debugger puts that loop into a debug key's function."""
    socket = str(tmp_path / "gdb")
    with Machine(hv, cpus=2, hv_args="noreboot watchdog watchdog_timeout=%d" % timeout,
                 qemu_args=["-gdb", "unix:%s,server=on,wait=off" % socket]) as m:
        m.boot()
        with Debugger(socket) as debugger:
            debugger.write(address(hv, "timer_dump"), b"\xfa\xeb\xfe")
        with pytest.raises(RigError):
            m.ok("xl debug-keys a", 1)
        m.expect(r"Panic on CPU (\d):\r*\n(\(XEN\) )?watchdog: CPU \1 has been stuck for [345] seconds\r*\n", 60)
        m.expect(r"\(XEN\) Halted", 60)
        assert "timer_dump" in m.log
