"""The systems under test: what each is, which processes it consists of, how it is loaded."""
from replicas import Replicas
from servers import Independent, Replicated

NO_FLUSH = ("synchronous_commit=off",)


class System:
    """One of them, on servers that it may share with others: they are measured one at a time."""

    def __init__(self, name, what, kind, setup, settings=(), alone=False):
        self.name, self.what = name, what
        self.kind = kind  # byz-bench's word for how to talk to it
        self.setup = setup  # the class that makes its servers; from use() on, what it made
        self.settings = settings  # of the client's sessions
        self.alone = alone  # the first server is all
        self.servers = []

    def use(self, made):
        self.setup = made
        self.servers = made.servers[:1] if self.alone else made.servers

    @property
    def replicas(self):
        """The Byzantium cluster, if this is it."""
        return self.setup if isinstance(self.setup, Replicas) else None

    def conninfos(self):
        """Of the servers that the client itself connects to."""
        if self.replicas:
            return []
        servers = self.servers[:1] if self.kind == "single" else self.servers
        return [server.conninfo(self.settings) for server in servers]

    def environment(self):
        return self.replicas.client_environment() if self.replicas else {}

    def processes(self):
        """(group, place, pid of the eldest); a place is one of the system's machines."""
        found = [("postgres", place, server.pid()) for place, server in enumerate(self.servers)]
        if self.replicas:
            found += [("proxies", place, pid)
                      for place, pid in enumerate(self.replicas.proxy_pids())]
        return found

    def suits(self, workload):
        """What flushes differently is the same system where nothing is written."""
        return workload != "select-only" or self.settings != NO_FLUSH


def all_systems():
    return [
        System("byzantium", "four replicas, through libbyzclient, every result verified",
               "byzantium", Replicas),
        System("one-postgresql", "one server, statement by statement, prepared", "single",
               Independent, alone=True),
        System("synchronous", "a primary with 3 standbys, ANY 2, remote_apply", "single",
               Replicated),
        System("four-way-pipelined", "each transaction on 4 independent servers, in one pipeline "
               "on each, no agreement; waits for all", "pipelined", Independent),
        System("four-way-pipelined-noflush", "… with synchronous_commit=off: nobody waits for a "
               "flush", "pipelined", Independent, NO_FLUSH),
        System("four-way-interactive", "statement by statement on one of 4, at commit one pipeline "
               "on the 3 others; no agreement", "interactive", Independent),
        System("four-way-interactive-noflush", "… with synchronous_commit=off", "interactive",
               Independent, NO_FLUSH),
    ]
