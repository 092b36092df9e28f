"""How much the PostgreSQL store takes on, and how long it waits."""

import msgspec


class PostgresLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Every bound of the store; the defaults suit one server near its database.

    Attributes:
        batch_rows: events or completions in one statement.
        batch_bytes: bodies in one statement; a larger event goes alone.
        pending_rows: events accepted but not yet committed; beyond it `accept` refuses.
        pending_bytes: their bodies.
        pending_seconds: how long the oldest of them may have waited, and how long a lost connection
            is made anew before they are refused.
        answer: seconds that a statement may take, and who asks waits.
        stalled: seconds after which a batch that is under way is told of.
        connect: seconds that making a connection may take.
        expires: seconds without a sign of life after which a process's leases are others' to take.
        poll: seconds between two looks for work that others have stored.
        notify: the least seconds between two notices that there is work.
        writers: transactions of `job.write` functions at a time.
        blocks: `job.transaction` blocks at a time.
        write_seconds: for the write functions of one completion.
        write_slow: seconds from which they are reported.
        repeats: quarantined repeats kept for one body.
    """

    batch_rows: int = 200
    batch_bytes: int = 1 << 20
    pending_rows: int = 5_000
    pending_bytes: int = 64 << 20
    pending_seconds: float = 5.0
    answer: float = 30.0
    stalled: float = 2.0
    connect: float = 5.0
    expires: float = 15.0
    poll: float = 1.0
    notify: float = 0.02
    writers: int = 4
    blocks: int = 8
    write_seconds: float = 1.0
    write_slow: float = 0.05
    repeats: int = 16
