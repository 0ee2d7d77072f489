# SPDX-License-Identifier: MIT
"""pytest options of the system tests: --hv=ours|peer|PATH chooses the hypervisor image, --tools=debian|ours|daemons|xl
whose programs dom0 uses (see image/dom0/init): together the four cells of hypervisor and toolstack."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "rig"))

from rig import Machine

CONSOLE_LINES = 120  # shown of a failing test's machine


def pytest_addoption(parser):
    parser.addoption("--hv", default="ours", help="ours, peer or the path of an image")
    parser.addoption("--tools", default="debian", help="debian, ours, daemons (only they are ours), xl (only they are not)")


def pytest_configure(config):
    os.environ["RIG_TOOLS"] = config.getoption("--tools")


@pytest.fixture(scope="session")
def hv(request):
    return request.config.getoption("--hv")


@pytest.fixture(scope="session")
def tools(request):
    return request.config.getoption("--tools")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that fails with a machine that others use, too, shows its console and says what the hypervisor knows of it."""
    report = (yield).get_result()
    if report.failed and call.when != "teardown":
        for value in item.funcargs.values():
            if isinstance(value, Machine) and value.child is not None:
                console = value.tee.text.replace("\r", "").splitlines()[-CONSOLE_LINES:]
                report.sections.append(("end of the console", "\n".join(console)))
                report.sections.append(("state of the hypervisor", value.state()))
                break
