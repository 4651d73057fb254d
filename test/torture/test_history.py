"""The checkers must find what they are for, and nothing else."""

import random

import pytest

from history import Operation, fault_of_register, faults_of_loss, faults_of_registers

INF = float("inf")


def write(value, start, end):
    return Operation("k", True, value, start, end)


def read(value, start, end):
    return Operation("k", False, value, start, end)


GOOD = {
    "one after the other": [write(1, 0, 1), read(1, 2, 3), write(2, 4, 5), read(2, 6, 7)],
    "a read beside a write sees either": [write(1, 0, 1), write(2, 2, 6), read(1, 3, 4), read(2, 3.5, 5)],
    "a read that ends after the write may see what was before": [write(1, 0, 1), write(2, 2, 4),
                                                                 read(1, 3, 5)],
    "an unknown write may come late": [write(1, 0, 1), write(2, 2, INF), read(1, 3, 4), read(2, 5, 6)],
    "an unknown write may never come": [write(1, 0, 1), write(2, 2, INF), read(1, 3, 4)],
    "absent at first": [read(None, 0, 1), write(1, 2, 3)],
    "writes side by side end in either order": [write(1, 0, 5), write(2, 0, 5), read(1, 6, 7)],
}
BAD = {
    "old value after the new was acknowledged": [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)],
    "two readers disagree on the order": [write(1, 0, 1), write(2, 2, 9), read(2, 3, 4), read(1, 5, 6)],
    "an acknowledged write is gone": [write(1, 0, 1), read(None, 2, 3)],
    "a value that nobody wrote": [write(1, 0, 1), read(7, 2, 3)],
    "read before it was written": [read(1, 0, 1), write(1, 2, 3)],
    "an unknown write takes itself back": [write(1, 0, 1), write(2, 2, INF), read(2, 3, 4), read(1, 5, 6)],
}


@pytest.mark.parametrize("name", GOOD)
def test_what_can_have_been_is_accepted(name):
    assert fault_of_register(GOOD[name]) is None


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_have_been_is_found(name):
    assert fault_of_register(BAD[name]) is not None
    assert len(faults_of_registers(BAD[name])) == 1


def played(rng, count, clients=4):
    """A history that a true register has produced, and its operations' true instants."""
    free_at, value, ops, instant = [0.0] * clients, None, [], 0.0
    for n in range(count):
        instant += rng.random()
        client = min(range(clients), key=lambda c: free_at[c])
        start = max(free_at[client], instant - rng.random() * 3)
        instant = max(instant, start)
        end = instant + rng.random() * 3
        free_at[client] = end
        if rng.random() < 0.5:
            value = n
            ops.append(write(n, start, INF if rng.random() < 0.1 else end))
        else:
            ops.append(read(value, start, end))
    return ops


def test_histories_of_a_true_register_pass_and_stale_reads_do_not():
    found = 0
    for seed in range(60):
        ops = played(random.Random(seed), 120)
        assert fault_of_register(ops) is None, seed
        stale = [i for i, op in enumerate(ops) if not op.is_write]
        victim = ops[stale[len(stale) // 2]]
        known = [op for op in ops if op.is_write and op.end < victim.start]
        if len(known) >= 3:  # a value that two later acknowledged writes have replaced
            old = sorted(known, key=lambda op: op.end)[0]
            later = [op for op in known if op.start > old.end]
            if later:
                victim.value = old.value
                found += fault_of_register(ops) is not None
                assert fault_of_register(ops) is not None, seed
    assert found > 30


def test_losses_are_told_apart():
    acknowledged = {f"k{i}": (i, (1, i)) for i in range(10)}
    all_there = {key: value for key, (value, _) in acknowledged.items()}
    assert faults_of_loss(acknowledged, all_there, {}, True) == ([], 0)
    without_tail = {k: v for k, v in all_there.items() if v < 8}
    kept = {"k8": [8], "k9": [9]}
    assert faults_of_loss(acknowledged, without_tail, kept, False) == ([], 2)
    faults, lost = faults_of_loss(acknowledged, without_tail, kept, True)
    assert lost == 2 and "sync" in faults[0]
    faults, _ = faults_of_loss(acknowledged, without_tail, {"k8": [8]}, False)
    assert "not in quarantine, such as k9" in faults[0]
    hole = {k: v for k, v in all_there.items() if v != 5}
    faults, _ = faults_of_loss(acknowledged, hole, {"k5": [5]}, False)
    assert "no suffix" in faults[0]
    altered = dict(all_there, k3=99)
    assert faults_of_loss(acknowledged, altered, {}, True)[1] == 1
