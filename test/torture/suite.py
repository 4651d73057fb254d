"""The table of scenarios that the modules beside it fill."""

from world import COPIES

SCENARIOS = {}
NOT_RUN = {
    21: "another shape of cluster: test/e2e/test_etcd.py has it",
    23: "moving a tenant between residency classes: not in this program yet",
    24: "the PostgreSQL store: not in this program yet",
}


class Scenario:
    def __init__(self, number, title, run, ci, needs):
        self.number, self.title, self.run, self.ci, self.needs = number, title, run, ci, needs


def scenario(number, title, ci=False, needs=()):
    """needs: "root" (mounts of devices), "preload" (faults.so), "etcd"."""
    def add(run):
        SCENARIOS[number] = Scenario(number, title, run, ci, needs)
        return run
    return add


def wait_other_home(run, cell, than, timeout_s=10):
    return run.cluster.wait_home(cell, [r for r in COPIES[cell] if r != than], timeout_s)
