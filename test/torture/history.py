"""What clients may see: checks of recorded histories. Knows no cluster and no clock.

A register (one key, read and written by several clients with strong consistency) is linearizable
when every operation can be thought of as done at one instant between its start and its end. The
search walks through starts and ends in order of time and keeps every state that is still possible
(Wing and Gong; Lowe, "Testing for linearizability", 2017).
"""

from dataclasses import dataclass

STATES_MAX = 200_000  # at one instant; only a history with very many unknown writes has more


@dataclass
class Operation:
    key: str
    is_write: bool
    value: object  # None: absent
    start: float
    end: float  # infinity: nobody knows whether it was done


class TooManyStates(Exception):
    pass


def _events(operations):
    """(time, is an end, index); at one instant starts come first: that forbids the least."""
    events = []
    for i, op in enumerate(operations):
        events.append((op.start, False, i))
        if op.end != float("inf"):
            events.append((op.end, True, i))
    return sorted(events)


class _Search:
    """The states that are possible at one instant: (value, which of those under way are done)."""

    def __init__(self, operations, initial):
        self.operations, self.open = operations, set()
        self.states = {(initial, frozenset())}

    def seen_by_readers(self, value, done):
        """Reading changes nothing: who can read this value now does; later is never better."""
        operations = self.operations
        readers = {i for i in self.open if not operations[i].is_write and operations[i].value == value}
        return value, done | readers

    def start(self, i):
        self.open.add(i)
        if not self.operations[i].is_write:
            self.states = {self.seen_by_readers(*state) for state in self.states}

    def end(self, i):
        """Leaves the states in which `i` was done in time; none: it cannot have been."""
        after, seen, stack = set(), set(self.states), list(self.states)
        while stack:
            value, done = state = stack.pop()
            if i in done:
                after.add(state)
                continue
            for j in self.open:
                if self.operations[j].is_write and j not in done:
                    state = self.seen_by_readers(self.operations[j].value, done | {j})
                    if state not in seen:
                        seen.add(state)
                        stack.append(state)
            if len(seen) > STATES_MAX:
                raise TooManyStates(self.operations[i].key)
        self.open.discard(i)
        self.states = {(value, done - {i}) for value, done in after}


def fault_of_register(operations, initial=None):
    """None when the history of one key is linearizable, else the operation that cannot have
    been. Writes must have values of their own."""
    read = {op.value for op in operations if not op.is_write}
    # An unknown write that nobody has read may be thought of as never done.
    operations = [op for op in operations if op.end != float("inf") or op.is_write and op.value in read]
    search = _Search(operations, initial)
    for _, is_end, i in _events(operations):
        if not is_end:
            search.start(i)
            continue
        search.end(i)
        if not search.states:
            return operations[i]
    return None


def faults_of_registers(operations):
    """One sentence for each key whose history is not linearizable."""
    keys = {}
    for op in operations:
        keys.setdefault(op.key, []).append(op)
    faults = []
    for key, of_key in sorted(keys.items()):
        op = fault_of_register(of_key)
        if op:
            what = "write of" if op.is_write else "read of"
            faults.append(f"{key} is not linearizable: {what} {show(op.value)} at {op.start:.3f}\n"
                          + nearby(of_key, op))
    return faults


def show(value):
    return value.decode(errors="replace").rstrip(".") if isinstance(value, bytes) else str(value)


def nearby(operations, about):
    """The operations that touch `about` in time or value: what a person needs to see."""
    close = [op for op in operations if op.start <= about.end and op.end >= about.start - 0.2
             or op.value == about.value]
    return "\n".join(f"{'write' if op.is_write else 'read '} {op.start:.4f} … {op.end:.4f} {show(op.value)}"
                     for op in sorted(close, key=lambda op: op.start)[:30])


def parse_version(text):
    """(epoch, seq) of an ETag."""
    epoch, seq = text.strip('"').split("-")
    return int(epoch), int(seq)


def faults_of_loss(acknowledged, present, quarantined, is_sync):
    """acknowledged: key -> (value, version); present: key -> value; quarantined: key -> values.
    Returns (faults, count of lost)."""
    lost = {key: it for key, it in acknowledged.items() if present.get(key) != it[0]}
    faults = []
    if is_sync and lost:
        faults.append(f"{len(lost)} acknowledged sync writes are lost, such as {sorted(lost)[0]}")
    if is_sync:
        return faults, len(lost)
    outside = [key for key, (value, _) in lost.items() if value not in quarantined.get(key, [])]
    if outside:
        faults.append(f"{len(outside)} lost writes are not in quarantine, such as {sorted(outside)[0]}")
    for epoch in {version[0] for _, version in lost.values()}:
        first = min(v[1] for _, v in lost.values() if v[0] == epoch)
        kept = [v[1] for key, (_, v) in acknowledged.items() if key not in lost and v[0] == epoch]
        if kept and max(kept) > first:
            faults.append(f"the loss of epoch {epoch} is no suffix: {first} is lost, {max(kept)} is kept")
    return faults, len(lost)
