# SPDX-License-Identifier: MIT
"""Our control libraries from inside dom0, without any daemon's help: see tests/tools/ctrl.c."""
from rig import Machine


def test_ctrl(hv):
    with Machine(hv, cpus=2, mem=1536, dom0_vcpus=1, tools="ours") as m:
        m.boot()
        out = m.ok("/usr/lib/proxenos/test/ctrl")
        assert out.endswith("ctrl: 0 failed"), out
        assert m.crash_text() is None
