"""How much the SQLite store takes on, and how long it waits."""

import msgspec


class StatementLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Every bound of the store; the defaults suit one server on one disk.

    Attributes:
        batch_rows: events or job changes in one transaction.
        batch_bytes: bodies in one transaction; a larger event goes alone.
        pending_rows: events accepted but not yet committed; beyond it `accept` refuses.
        pending_bytes: their bodies.
        pending_seconds: how long the oldest of them may have waited.
        answer: seconds that who asks waits for an answer, and for the store to open or close.
        call: seconds for what is written down of a call.
        lock_wait: seconds to wait for another process to let the store go.
        gate: seconds to wait for a block of the application that has the file.
        busy: seconds to wait for a lock that a program outside holds on the file.
        write_seconds: for the write functions of one completion, or of one group together.
        write_bytes: of one value that a write function stores or makes.
        write_slow: seconds from which they are reported.
        wal_pages: pages in the log after which it is copied into the database.
        wal_bytes: size of the log's file from which readers are made to wait for that.
        quiet: idle seconds after which the log is copied.
        tick: idle seconds between looks at file, process and retention.
        repeats: quarantined repeats kept for one body.
    """

    batch_rows: int = 200
    batch_bytes: int = 1 << 20
    pending_rows: int = 5_000
    pending_bytes: int = 64 << 20
    pending_seconds: float = 5.0
    answer: float = 30.0
    call: float = 10.0
    lock_wait: float = 0.0
    gate: float = 5.0
    busy: float = 1.0
    write_seconds: float = 1.0
    write_bytes: int = 16 << 20
    write_slow: float = 0.05
    wal_pages: int = 4_000
    wal_bytes: int = 64 << 20
    quiet: float = 0.25
    tick: float = 1.0
    repeats: int = 16

    @property
    def call_answer(self) -> float:
        """Seconds that who has something of a call written down waits for an answer."""
        return min(self.answer, self.call)
