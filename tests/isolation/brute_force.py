"""Snapshot isolation by its definition: is there any order of starts and commits that explains a
history? For a handful of transactions; the checker's tests compare it with the checker."""


def is_snapshot_isolation(transactions):
    """Tries every order of the points of committed transactions. Unknown outcomes are not allowed:
    who asks leaves those transactions out, or says that they committed."""
    committed = [t for t in transactions if t.committed]
    return _place(committed, {}, {}, 0)


def _place(transactions, started, ended, clock):
    """started, ended: transaction's number: its place on the line."""
    if len(ended) == len(transactions):
        return True
    for number, transaction in enumerate(transactions):
        if number in ended:
            continue
        points = started if number not in started else ended
        if not _in_time(transactions, number, points is ended, started, ended):
            continue
        points[number] = clock
        good = (_reads_agree(transactions, transaction, ended) if points is started else
                _no_conflict(transactions, number, started, ended))
        if good and _place(transactions, started, ended, clock + 1):
            return True
        del points[number]
    return False


def _in_time(transactions, number, is_end, started, ended):
    """Every point that surely came earlier stands already; a session's in order."""
    one = transactions[number]
    earliest = one.commit_from if is_end else one.begin_from if one.ordered else None
    for other, t in enumerate(transactions):
        if other != number and earliest is not None:
            if t.begin_to is not None and t.begin_to < earliest and other not in started:
                return False
            if t.commit_to is not None and t.commit_to < earliest and other not in ended:
                return False
        before = t.session == one.session and t.number < one.number
        if before and t.outcome == "committed" and other not in ended:
            return False
    return True


def _reads_agree(transactions, transaction, ended):
    """It reads what the commits so far left, and its own writes."""
    state = {}
    for number in sorted(ended, key=ended.get):
        _apply(state, transactions[number].ops)
    for op, key, value in transaction.ops:
        if op == "list" and ",".join(state.get(key, [])) != value:
            return False
        if op == "read" and state.get(key) != value:
            return False
        _apply(state, [(op, key, value)])
    return True


def _apply(state, ops):
    for op, key, value in ops:
        if op == "append":
            state[key] = state.get(key, []) + [value]
        elif op == "write":
            state[key] = value


def _no_conflict(transactions, number, started, ended):
    """Nobody who wrote one of its keys committed since it started."""
    mine = {key for key, _ in transactions[number].writes()}
    return not any(ended[other] > started[number] and mine & {k for k, _ in t.writes()}
                   for other, t in enumerate(transactions) if other in ended and other != number)
