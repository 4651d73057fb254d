"""Fixtures of the end-to-end tests. HOLDFAST names the binary to test."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import harness  # noqa: E402


def pytest_configure(config):
    if not os.access(harness.BINARY, os.X_OK):
        raise pytest.UsageError(f"{harness.BINARY}: not there: set HOLDFAST to the binary to test")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What the regions said last goes into the report of what failed."""
    report = (yield).get_result()
    if report.failed:
        for cluster in list(item.funcargs.values()):
            if isinstance(cluster, harness.Cluster):
                for region in cluster.regions:
                    report.sections.append((f"{region}.log", cluster.log(region)))


@pytest.fixture(scope="session")
def playground():
    """One for all tests that leave it whole: no kills, every test its own keys."""
    with harness.directory("playground") as path, \
            harness.running(harness.Playground(path)) as playground:
        yield playground


@pytest.fixture
def own_playground():
    """One to break."""
    with harness.directory("own") as path, harness.running(harness.Playground(path)) as playground:
        yield playground


@pytest.fixture
def acme(playground):
    return playground.tenant("acme")


@pytest.fixture
def globex(playground):
    return playground.tenant("globex")


@pytest.fixture
def initech(playground):
    return playground.tenant("initech")


@pytest.fixture
def unique(request):
    """A key prefix of this test alone."""
    name = request.node.name.replace("[", "-").replace("]", "")
    return f"{name}/{os.urandom(4).hex()}"
