"""The points graph, and the cycles in it.

Snapshot isolation gives each transaction two points of time: it starts (its snapshot) and commits.
Every dependency orders two points, and so does everything else that we know:

    WW, WR   a -> b   commit(a) < start(b)   a replaced or saw version was in the snapshot; two
                                             writers of a key are never concurrent
    RW       a -> b   start(a) < commit(b)   what a did not see was not yet there
    SO       a -> b   commit(a) < start(b)   one session
    SELF     a        start(a) < commit(a)
    TIME              a call that had returned came before one that was made later; points lie within
                      their calls: start in BEGIN's, commit in COMMIT's

The history is snapshot isolation if and only if the points can be laid on a line, which is: if the
graph has no cycle. This is the theorem of Cerone and Gotsman, that (SO ∪ WR ∪ WW) ; RW? is acyclic,
written with two nodes a transaction (a path through RW leaves from commit(b), never from start(b),
so two adjacent anti-dependencies, write skew, close no cycle), and Adya's definition of PL-SI by a
start-ordered graph. "If" holds as far as the order of all versions is known.

A cycle is called by the edges that it needs: with none of SO and TIME it is Adya's G0, G1c, G-single
or several anti-dependencies apart; otherwise it took a session or a clock to see it.
"""
from collections import defaultdict, deque

from anomaly import Anomaly
from dependencies import RW, SELF, SO, TIME, WR, WW

DEPENDENCY = WW | WR | RW
# name, edges allowed, edges of which the cycle needs one, edges allowed for the rest of it
LEVELS = (
    ("G0", WW | SELF, WW, WW | SELF),
    ("G1c", WW | WR | SELF, WR, WW | WR | SELF),
    ("G-single", DEPENDENCY | SELF, RW, WW | WR | SELF),
    ("G-nonadjacent", DEPENDENCY | SELF, RW, DEPENDENCY | SELF),
)
# Looked at where no cycle of dependencies alone explains the matter.
ORDER_LEVELS = (
    ("session-order", DEPENDENCY | SO | SELF, SO, DEPENDENCY | SO | SELF),
    ("start-order", WW | WR | SO | TIME | SELF, TIME, WW | WR | SO | TIME | SELF),
    ("real-time", DEPENDENCY | SO | TIME | SELF, TIME, DEPENDENCY | SO | TIME | SELF),
)
EXAMPLES_MAX = 10       # cycles told of one kind in one tangle
SEARCHES_MAX = 300      # tries to find them
SEARCH_NODES_MAX = 20000


class Graph:
    """Nodes: 2i is transaction i's start, 2i+1 its commit; higher ones are points of time.

    out[node]: (target, kind, number of the dependency or None).
    """

    def __init__(self, transactions, dependencies, with_time=True):
        self.transactions, self.dependencies = transactions, dependencies
        self.out = [[] for _ in range(2 * len(transactions))]
        for number, transaction in enumerate(transactions):
            if transaction.committed:
                self._add(2 * number, 2 * number + 1, SELF)
        for place, (kind, before, after, _, _) in enumerate(dependencies):
            if kind == RW:
                self._add(2 * before, 2 * after + 1, kind, place)
            else:
                self._add(2 * before + 1, 2 * after, kind, place)
        if with_time:
            self._add_time()

    def _add(self, source, target, kind, place=None):
        self.out[source].append((target, kind, place))

    def _bounds(self):
        """(time, 0, point): the point lies behind it; (time, 1, point): before it."""
        for number, t in enumerate(self.transactions):
            if not t.committed:
                continue
            for time, side, point in ((t.begin_from, 0, 2 * number), (t.begin_to, 1, 2 * number),
                                      (t.commit_from, 0, 2 * number + 1),
                                      (t.commit_to, 1, 2 * number + 1)):
                if time is not None and (side or t.ordered or point % 2):
                    yield time, side, point

    def _add_time(self):
        """A chain of points of time: all pairs of calls in order with a linear number of edges."""
        waiting, now = [], None
        for _, before, point in sorted(self._bounds()):
            if before:
                waiting.append(point)
                continue
            if waiting:
                self.out.append([])
                node = len(self.out) - 1
                for earlier in waiting + ([now] if now is not None else []):
                    self._add(earlier, node, TIME)
                waiting, now = [], node
            if now is not None:
                self._add(now, point, TIME)


def components(graph, nodes, allowed):
    """The strongly connected components of more than one node (Tarjan, without recursion)."""
    inside = nodes if isinstance(nodes, range) else set(nodes)
    index, low, stacked = {}, {}, set()
    stack, found = [], []
    for root in nodes:
        if root in index:
            continue
        index[root] = low[root] = len(index)
        stack.append(root)
        stacked.add(root)
        work = [(root, iter(graph.out[root]))]
        while work:
            node, edges = work[-1]
            for target, kind, _ in edges:
                if not kind & allowed or target not in inside:
                    continue
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    stacked.add(target)
                    work.append((target, iter(graph.out[target])))
                    break
                if target in stacked:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    found += _pop_component(stack, stacked, node)
    return found


def _pop_component(stack, stacked, root):
    members = []
    while not members or members[-1] != root:
        members.append(stack.pop())
        stacked.discard(members[-1])
    return [members] if len(members) > 1 else []


def shortest_path(graph, start, goal, allowed, inside, nodes_max=None):
    """Edges (source, target, kind, dependency) from start to goal, or None."""
    came = {start: None}
    queue = deque([start])
    while queue and (nodes_max is None or len(came) < nodes_max):
        node = queue.popleft()
        for target, kind, place in graph.out[node]:
            if not kind & allowed or target in came or target not in inside:
                continue
            came[target] = (node, target, kind, place)
            if target == goal:
                return _walk_back(came, goal)
            queue.append(target)
    return None


def _walk_back(came, node):
    path = []
    while came[node]:
        path.append(came[node])
        node = came[node][0]
    return path[::-1]


def find_anomalies(graph, lost_updates):
    """Every cycle's tangle is explained by at least one anomaly."""
    anomalies = []
    for tangle in components(graph, range(len(graph.out)), ~0):
        found = _search(graph, tangle, LEVELS, lost_updates)
        if not found:
            found = _search(graph, tangle, ORDER_LEVELS, lost_updates) or [_any(graph, tangle)]
        anomalies += [anomaly for anomaly in found if anomaly]
    return anomalies


def _search(graph, tangle, levels, lost_updates):
    """Anomalies of these levels; None stands for a lost update, which was reported already."""
    found = []
    explained = set()  # edges that a lower level told about
    for name, allowed, needed, rest in levels:
        for component in components(graph, tangle, allowed):
            found += _search_component(graph, component, (name, needed, rest), explained,
                                       lost_updates)
    return found


def _search_component(graph, component, level, explained, lost_updates):
    name, needed, rest = level
    inside, told, found, searches = set(component), set(), [], 0
    for source in component:
        for target, kind, place in graph.out[source]:
            if not kind & needed or target not in inside or (source, target) in explained:
                continue
            if source in told and target in told:
                continue
            if len(found) == EXAMPLES_MAX or searches == SEARCHES_MAX:
                return found
            searches += 1
            path = shortest_path(graph, target, source, rest, inside, SEARCH_NODES_MAX)
            if path and _is_of(name, kind, path):
                cycle = [(source, target, kind, place)] + path
                explained.add((source, target))
                told.update(edge[0] for edge in cycle)
                found.append(_explain(graph, name, cycle, lost_updates))
    return found


def _is_of(name, kind, path):
    """Not a cycle of a lower level that happens to be the shortest one here."""
    anti = [kind, *(edge[2] for edge in path)].count(RW)
    return anti >= {"G-nonadjacent": 2, "real-time": 1}.get(name, 0)


def _any(graph, tangle):
    """A cycle in a tangle that is too large to search."""
    inside = set(tangle)
    source, target, kind, place = next(
        (node, *edge) for node in tangle for edge in graph.out[node] if edge[0] in inside)
    path = shortest_path(graph, target, source, ~0, inside)
    kinds = [edge[2] for edge in path] + [kind]
    name = "start-order" if RW not in kinds else "real-time" if TIME in kinds else "session-order"
    return _explain(graph, name, [(source, target, kind, place)] + path, set())


# -- explanations

def _explain(graph, name, cycle, lost_updates):
    """The anomaly of this cycle, or None if it is a lost update's."""
    steps = _steps(graph, cycle)
    numbers = list(dict.fromkeys(step[1] for step in steps))
    kinds = [step[0] for step in steps]
    if sorted(kinds) == [WW, RW] and len({step[3] for step in steps}) == 1:
        if all((number, steps[0][3]) in lost_updates for number in numbers):
            return None
    if name == "G-nonadjacent" and kinds in ([WR, RW] * 2, [RW, WR] * 2):
        name = "long-fork"
    short = {number: f"T{place}" for place, number in enumerate(numbers, 1)}
    lines = [_line(graph, step, short) for step in steps]
    return Anomaly(name, [graph.transactions[number] for number in numbers], lines)


def _steps(graph, cycle):
    """(kind, a, b, key, value) a step; what runs through points of time becomes one step."""
    start = next(i for i, edge in enumerate(cycle) if edge[2] & ~(TIME | SELF))
    steps, left = [], None
    for source, target, kind, place in cycle[start:] + cycle[:start]:
        if place is not None:
            steps.append(graph.dependencies[place])
        elif kind == TIME and source < 2 * len(graph.transactions):
            left = source
        elif kind == TIME and target < 2 * len(graph.transactions):
            steps.append((TIME, left // 2, target // 2, left % 2, target % 2))
    return steps


def _line(graph, step, short):
    kind, before, after, key, value = step
    first, second = short[before], short[after]
    if kind == WW:
        return f"{second} wrote {value} to {key} behind {first}'s write"
    if kind == WR:
        return f"{second} saw {first}'s {value} in {key}"
    if kind == RW:
        return f"{first} did not see {second}'s {value} in {key}"
    if kind == SO:
        return f"{second} came behind {first} in session {key}"
    a, b = graph.transactions[before], graph.transactions[after]
    ended, what = (a.commit_to, "COMMIT") if key else (a.begin_to, "BEGIN")
    begun, then = (b.commit_from, "COMMIT") if value else (b.begin_from, "BEGIN")
    return (f"{first}'s {what} had returned {(begun - ended) / 1e6:.3f} ms before "
            f"{second} called {then}")
