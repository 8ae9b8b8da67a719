"""What the clients do: short transactions over lists and registers, kept in columns of type text.

Keys retire: at any time KEYS of each kind are in use, and every WINDOW_S seconds the next ones
follow, so that lists stay short and transactions go on meeting each other. Final reads of all keys
(client.py --final) then show what became of every append.
"""
TABLES = ("CREATE TABLE list (key text PRIMARY KEY, elements text NOT NULL)",
          "CREATE TABLE register (key text PRIMARY KEY, value text NOT NULL)")

STATEMENTS = {
    "list": "SELECT elements FROM list WHERE key = $1",
    "append": "INSERT INTO list VALUES ($1, $2) ON CONFLICT (key) "
              "DO UPDATE SET elements = list.elements || ',' || excluded.elements",
    "read": "SELECT value FROM register WHERE key = $1",
    "write": "INSERT INTO register VALUES ($1, $2) ON CONFLICT (key) "
             "DO UPDATE SET value = excluded.value",
}

KINDS = {"append": ("l",), "register": ("r",), "mixed": ("l", "r")}
KEYS = 5
WINDOW_S = 1.0
READ_ONLY = 0.3   # so many transactions only read
BLIND = 0.2       # so many writes of registers are not preceded by a read


def keys_at(elapsed, kind):
    first = int(elapsed / WINDOW_S) * KEYS
    return [f"{kind}{number}" for number in range(first, first + KEYS)]


def keys_until(elapsed, kinds):
    """Every key that was in use."""
    return [f"{kind}{number}" for kind in kinds
            for number in range((int(elapsed / WINDOW_S) + 1) * KEYS)]


def is_list(key):
    return key.startswith("l")


def read_of(key):
    return ("list" if is_list(key) else "read"), key


def plan(rng, elapsed, kinds):
    """(read only?, [(op, key)]): the transaction that a client runs next."""
    keys = [key for kind in kinds for key in keys_at(elapsed, kind)]
    if rng.random() < READ_ONLY:
        return True, [read_of(key) for key in rng.sample(keys, min(len(keys), rng.randint(2, 5)))]
    operations = []
    for _ in range(rng.randint(1, 4)):
        key = rng.choice(keys)
        if rng.random() < 0.4:
            operations.append(read_of(key))
        elif is_list(key):
            operations.append(("append", key))
        else:
            operations += [read_of(key)] if rng.random() >= BLIND else []
            operations.append(("write", key))
    return False, operations
