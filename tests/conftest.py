# SPDX-License-Identifier: MIT
"""pytest options of the system tests: --hv=ours|peer|PATH chooses the hypervisor image."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "rig"))


def pytest_addoption(parser):
    parser.addoption("--hv", default="ours", help="ours, peer or the path of an image")


@pytest.fixture(scope="session")
def hv(request):
    return request.config.getoption("--hv")
