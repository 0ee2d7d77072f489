# SPDX-License-Identifier: MIT
"""The tests of test_disk_net.py with PVH guests: their grants and events to Debian's backends in dom0, Debian itself, and
GRUB's image for PVH, which boots Debian's kernel from the guest's disk.
"""
import pytest

from test_disk_net import *  # noqa: F401,F403: the same tests and fixtures


@pytest.fixture(scope="module")
def kind():
    return "pvh"
