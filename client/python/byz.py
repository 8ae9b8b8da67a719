"""libbyzclient for Python, through ctypes: what the system tests need, and no more.

    with byz.connect("config=… client=demo key=…") as conn:
        conn.begin()
        rows = conn.execute("SELECT id, balance FROM account WHERE id = $1", 7).rows
        conn.commit()

Values are text, as PostgreSQL sends them; SQL NULL is None. A failure raises byz.Error, which has
the SQLSTATE and, where a replica is suspected, which one and how. A connection may be used by one
thread at a time. Environment variable BYZ_LIBRARY names the library if it is not installed.
"""
import ctypes
import os

SUSPICIONS = ("none", "wrong result", "unconfirmed", "silent", "wrong reply", "protocol")
TRANSACTION_STATUS = ("none", "open", "failed")


def _load():
    lib = ctypes.CDLL(os.environ.get("BYZ_LIBRARY", "libbyzclient.so.0"))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    signatures = {
        "byz_connect": (pointer, text),
        "byz_finish": (None, pointer),
        "byz_status": (number, pointer),
        "byz_transaction_status": (number, pointer),
        "byz_error_message": (text, pointer),
        "byz_sqlstate": (text, pointer),
        "byz_suspect": (number, pointer),
        "byz_suspicion": (number, pointer),
        "byz_suspicion_message": (text, pointer),
        "byz_begin": (number, pointer),
        "byz_begin_on": (number, pointer, number),
        "byz_coordinator": (number, pointer),
        "byz_commit": (number, pointer),
        "byz_rollback": (number, pointer),
        "byz_rollback_verified": (number, pointer),
        "byz_epoch": (number, pointer, ctypes.POINTER(ctypes.c_uint64)),
        "byz_exec_params": (pointer, pointer, text, number, pointer, ctypes.POINTER(text)),
        "byz_copy_in": (number, pointer, text, text, ctypes.c_size_t,
                        ctypes.POINTER(ctypes.c_uint64)),
        "byz_copy_out": (pointer, pointer, text, ctypes.POINTER(ctypes.c_size_t)),
        "byz_result_ok": (number, pointer),
        "byz_result_error_message": (text, pointer),
        "byz_result_sqlstate": (text, pointer),
        "byz_row_count": (number, pointer),
        "byz_column_count": (number, pointer),
        "byz_column_name": (text, pointer, number),
        "byz_column_type": (ctypes.c_uint32, pointer, number),
        "byz_is_null": (number, pointer, number, number),
        "byz_value": (text, pointer, number, number),
        "byz_command_tag": (text, pointer),
        "byz_affected_rows": (ctypes.c_longlong, pointer),
        "byz_clear": (None, pointer),
        "byz_replica_count": (number, pointer),
        "byz_replica_connected": (number, pointer, number),
        "byz_replica_status": (pointer, pointer, number),
        "byz_free": (None, pointer),
    }
    for name, (result, *arguments) in signatures.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


_lib = _load()


def _text(raw):
    return raw.decode("utf-8", "replace")


class Error(Exception):
    """sqlstate; suspect (a replica's number or None), suspicion (see SUSPICIONS) and its text."""

    def __init__(self, message, sqlstate, conn):
        super().__init__(f"{sqlstate}: {message.strip()}")
        suspect = _lib.byz_suspect(conn)
        self.sqlstate = sqlstate
        self.suspect = None if suspect < 0 else suspect
        self.suspicion = SUSPICIONS[_lib.byz_suspicion(conn)]
        self.suspicion_message = _text(_lib.byz_suspicion_message(conn))


class Result:
    """columns: names; types: OIDs; rows: tuples of str or None; tag: "UPDATE 3"; affected: 3."""

    def __init__(self, raw):
        columns, rows = range(_lib.byz_column_count(raw)), range(_lib.byz_row_count(raw))
        self.columns = [_text(_lib.byz_column_name(raw, c)) for c in columns]
        self.types = [_lib.byz_column_type(raw, c) for c in columns]
        self.rows = [tuple(self._value(raw, r, c) for c in columns) for r in rows]
        self.tag = _text(_lib.byz_command_tag(raw))
        self.affected = _lib.byz_affected_rows(raw)

    @staticmethod
    def _value(raw, row, column):
        if _lib.byz_is_null(raw, row, column):
            return None
        return _text(_lib.byz_value(raw, row, column))


class Connection:
    def __init__(self, conninfo):
        self._conn = _lib.byz_connect(conninfo.encode())
        if not self._conn:
            raise MemoryError
        if not _lib.byz_status(self._conn):
            try:
                self._fail()
            finally:
                self.close()

    def _fail(self):
        message, sqlstate = _lib.byz_error_message(self._conn), _lib.byz_sqlstate(self._conn)
        raise Error(_text(message), _text(sqlstate), self._conn)

    def _check(self, status):
        if status != 0:
            self._fail()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        conn, self._conn = self._conn, None
        _lib.byz_finish(conn)

    def begin(self, coordinator=None):
        if coordinator is None:
            self._check(_lib.byz_begin(self._conn))
        else:
            self._check(_lib.byz_begin_on(self._conn, coordinator))

    def commit(self):
        self._check(_lib.byz_commit(self._conn))

    def rollback(self, verified=False):
        function = _lib.byz_rollback_verified if verified else _lib.byz_rollback
        self._check(function(self._conn))

    def epoch(self):
        """How many transactions the cluster has committed."""
        epoch = ctypes.c_uint64()
        self._check(_lib.byz_epoch(self._conn, ctypes.byref(epoch)))
        return epoch.value

    def execute(self, sql, *parameters):
        """Parameters are sent as text: None is NULL, everything else is str()."""
        texts = [None if p is None else str(p).encode() for p in parameters]
        values = (ctypes.c_char_p * len(texts))(*texts)
        raw = _lib.byz_exec_params(self._conn, sql.encode(), len(texts), None, values)
        if not raw:
            raise MemoryError
        try:
            if not _lib.byz_result_ok(raw):
                message, sqlstate = _lib.byz_result_error_message(raw), _lib.byz_result_sqlstate(raw)
                raise Error(_text(message), _text(sqlstate), self._conn)
            return Result(raw)
        finally:
            _lib.byz_clear(raw)

    def copy_in(self, command, data):
        """COPY … FROM STDIN with this data (str or bytes): the number of rows."""
        raw, rows = data.encode() if isinstance(data, str) else data, ctypes.c_uint64()
        self._check(_lib.byz_copy_in(self._conn, command.encode(), raw, len(raw),
                                     ctypes.byref(rows)))
        return rows.value

    def copy_out(self, command):
        """What COPY … TO STDOUT writes."""
        size = ctypes.c_size_t()
        raw = _lib.byz_copy_out(self._conn, command.encode(), ctypes.byref(size))
        if not raw:
            self._fail()
        try:
            return _text(ctypes.string_at(raw, size.value))
        finally:
            _lib.byz_free(raw)

    @property
    def transaction_status(self):
        return TRANSACTION_STATUS[_lib.byz_transaction_status(self._conn)]

    @property
    def coordinator(self):
        """The replica that coordinates the open transaction, or None."""
        replica = _lib.byz_coordinator(self._conn)
        return None if replica < 0 else replica

    @property
    def suspect(self):
        """(replica, kind, text) of the last transaction's suspicion, or None."""
        replica = _lib.byz_suspect(self._conn)
        if replica < 0:
            return None
        kind = SUSPICIONS[_lib.byz_suspicion(self._conn)]
        return replica, kind, _text(_lib.byz_suspicion_message(self._conn))

    @property
    def replica_count(self):
        return _lib.byz_replica_count(self._conn)

    def replica_connected(self, replica):
        return bool(_lib.byz_replica_connected(self._conn, replica))

    def replica_status(self, replica):
        """That replica's own view of itself, as a dictionary. Not verified."""
        raw = _lib.byz_replica_status(self._conn, replica)
        if not raw:
            self._fail()
        try:
            lines = _text(ctypes.string_at(raw)).splitlines()
        finally:
            _lib.byz_free(raw)
        return dict(line.split("=", 1) for line in lines if "=" in line)


def connect(conninfo=""):
    return Connection(conninfo)
