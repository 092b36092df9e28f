"""What is well with the database, and what is not, as far as a look tells."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from hardpoint.core.effects import Clock
from hardpoint.store.postgres.limits import PostgresLimits
from hardpoint.store.postgres.processes import Member, strangers
from hardpoint.store.retention import Retention
from hardpoint.store.statements import statements
from hardpoint.store.views import StoreFinding

CLOCK_SECONDS: Final = 5.0
"""By how much two clocks may differ: signed times are judged by a machine's own."""
SNAPSHOT_SECONDS: Final = 300.0
"""How long a transaction may stay open before finding due work takes noticeably longer."""
DEAD_ROWS: Final = 20_000
"""Rows that were not cleared away, from which on they are told of, if they are the most of it."""
SWEEPS: Final = 2
"""Passes of retention that may be missed before it is told."""
_SHOWN: Final = 8

_SQL = statements("checks", "hardpoint.store.postgres")
_EXPIRES: Final = PostgresLimits().expires
_Row = dict[str, Any]


def findings(
    connection: Any,
    clock: Clock,
    *,
    retention: Retention | None = None,
    write_role: str | None = None,
) -> Iterator[StoreFinding]:
    """What each check found.

    Args:
        connection: of psycopg, whose rows are dictionaries.
        clock: of this machine.
        retention: how long things are to be kept; None: for ever.
        write_role: that the application's writes run as; None: the store's.
    """

    def row(name: str, **wanted: object) -> _Row:
        return connection.execute(_SQL[name], wanted or None).fetchone() or {}

    rows: list[_Row] = connection.execute(_SQL["processes"], {"expires": _EXPIRES}).fetchall()
    live = [Member(**one) for one in rows]
    yield _processes(live)
    yield from _handlers(live, [one["handler"] for one in connection.execute(_SQL["waiting"])])
    jobs = row("abandoned", expires=_EXPIRES)["jobs"]
    if jobs:
        yield StoreFinding(
            check="leases",
            result="warn",
            detail=f"{jobs} job(s) of processes that give no sign of life; others take them over",
            fix=None if live else "hardpoint serve",
        )
    yield _clock(row, clock)
    yield _durable(row("durable"))
    yield from _standbys(row("standbys"))
    yield _snapshot(row("snapshot"))
    yield _bloat(row("bloat"))
    if retention is not None:
        yield _retention(row, retention)
    own = row("role")
    yield _role(own)
    if write_role is None:
        detail = f"job.write runs as {own['name']}, which could change the tables of the store too"
        yield StoreFinding(check="writes", detail=detail)
    else:
        found = connection.execute(_SQL["writes"], {"role": write_role}).fetchone()
        yield _writes(found, own["name"], write_role)


def _processes(live: list[Member]) -> StoreFinding:
    if not live:
        told = "none gives a sign of life: nobody receives or handles events"
        return StoreFinding(check="processes", result="warn", detail=told, fix="hardpoint serve")
    names = [f"{one.name}{_does(one)}" for one in live[:_SHOWN]]
    names += ["..."] * (len(live) > _SHOWN)
    detail = f"{len(live)} live: {', '.join(names)}"
    if any(one.works or one.works is None for one in live):
        return StoreFinding(check="processes", detail=detail)
    detail = f"{detail}; none of them runs handlers"
    return StoreFinding(check="processes", result="warn", detail=detail, fix="hardpoint work")


def _does(one: Member) -> str:
    does = [word for word, does in {"receives": one.receives, "works": one.works}.items() if does]
    return f" ({' and '.join(does)})" if does else ""


def _handlers(live: list[Member], waiting: Sequence[str]) -> Iterator[StoreFinding]:
    """Processes that do not know the same handlers, as they do for a moment in a rolling deploy."""
    for _, detail in strangers(live):
        fix = "start it anew with the code that the others run"
        yield StoreFinding(check="handlers", result="warn", detail=detail, fix=fix)
    working = [one for one in live if one.works]
    known = {name for one in working for name in one.handlers or ()}
    for name in waiting:
        if working and name not in known:
            yield StoreFinding(
                check="handlers",
                result="warn",
                detail=f"events wait for {name}, which no process that works has loaded",
                fix="bring it back, or close what waits: hardpoint dlq discard ID --handler",
            )


def _clock(row: Callable[[str], _Row], clock: Clock) -> StoreFinding:
    before = clock.now()
    database = row("clock")["now"]
    after = clock.now()
    off = max(before - database, database - after, 0.0)
    if off <= CLOCK_SECONDS:
        return StoreFinding(check="clocks", detail="this machine's and the database's agree")
    return StoreFinding(
        check="clocks",
        result="warn",
        detail=f"this machine's and the database's differ by {off:.0f} s",
        fix="have both keep the time by NTP: a signed time is judged by this machine's clock",
    )


def _durable(found: _Row) -> StoreFinding:
    if found["standby"]:
        return StoreFinding(
            check="durability",
            result="fail",
            detail="the server is a standby, which takes no writes: nothing can be received",
            fix="name the primary in store.url, or promote this server",
        )
    missing = [name for name, key in _DURABLE.items() if not found[key]]
    if not missing:
        return StoreFinding(check="durability", detail="what is committed is on the disk")
    return StoreFinding(
        check="durability",
        result="fail",
        detail=f"the server runs with {' and '.join(f'{name} = off' for name in missing)}: what is "
        "acknowledged could be lost",
        fix="turn it on in postgresql.conf",
    )


_DURABLE: Final = {"fsync": "synced", "full_page_writes": "whole"}


def _standbys(found: _Row) -> Iterator[StoreFinding]:
    """Nothing is said where there are none: who has a backup alone knows what it is for."""
    if found["waiting"]:
        yield StoreFinding(
            check="standbys",
            result="fail",
            detail=f"{found['waiting']} commit(s) wait for a standby ({found['named']}) that does "
            f"not answer, the first for {found['seconds']:.0f} s: nothing can be received",
            fix="bring it back, or name another one in synchronous_standby_names",
        )
    elif found["named"]:
        detail = f"a commit waits for a standby ({found['named']})"
        yield StoreFinding(check="standbys", detail=detail)
    elif found["standbys"]:
        yield StoreFinding(
            check="standbys",
            result="warn",
            detail=f"{found['standbys']} of them follow, and no commit waits for any: a fail-over "
            "could lose what was acknowledged just before",
            fix="alter system set synchronous_standby_names = 'any 1 (...)'; two standbys, so that "
            "one may be away",
        )


def _snapshot(found: _Row) -> StoreFinding:
    seconds = found.get("seconds") or 0.0
    if seconds <= SNAPSHOT_SECONDS:
        return StoreFinding(check="oldest snapshot", detail=f"{seconds:.0f} s old")
    return StoreFinding(
        check="oldest snapshot",
        result="warn",
        detail=f"the transaction of {found['name']} (server process {found['pid']}) has been open "
        f"for {seconds / 60:.0f} min: no row deleted since is cleared away",
        fix=f"end it: select pg_terminate_backend({found['pid']})",
    )


def _bloat(found: _Row) -> StoreFinding:
    dead, live = found.get("dead", 0), found.get("live", 0)
    if dead < max(DEAD_ROWS, live):
        return StoreFinding(check="bloat", detail="little waits to be cleared away")
    return StoreFinding(
        check="bloat",
        result="warn",
        detail=f"hardpoint.{found['name']} has {dead} dead rows beside {live}: autovacuum lags",
        fix=f"vacuum hardpoint.{found['name']}",
    )


def _retention(row: Callable[..., _Row], keep: Retention) -> StoreFinding:
    grace = SWEEPS * keep.every
    ages = {"done": keep.done, "dead": keep.dead, "keys": keep.keys}
    found = row("overdue", **{name: age + grace for name, age in ages.items()})
    if not found["events"]:
        return StoreFinding(check="retention", detail="nothing is kept longer than it is to be")
    return StoreFinding(
        check="retention",
        result="warn",
        detail=f"{found['events']} or more events are kept longer than they are to be; the oldest "
        f"came {found['days']:.0f} days ago",
        fix="a process that works takes them every hour: look into its log for upkeep that fails",
    )


def _role(found: _Row) -> StoreFinding:
    if not (found["super"] or found["more"]):
        return StoreFinding(check="database role", detail=f"{found['name']}, with no more rights")
    may = "may do everything on this server" if found["super"] else "may do more than it has to"
    return StoreFinding(
        check="database role",
        result="warn",
        detail=f"{found['name']} {may}",
        fix="take a role that owns the schema hardpoint, and has none of PostgreSQL's attributes",
    )


def _writes(found: _Row | None, own: str, role: str) -> StoreFinding:
    if found is None or not found["member"]:
        return StoreFinding(
            check="writes",
            result="fail",
            detail=f"job.write should run as {role}, "
            + ("which there is not" if found is None else f"which {own} may not become"),
            fix=f"create role {role}" if found is None else f"grant {role} to {own}",
        )
    if found["reaches"]:
        return StoreFinding(
            check="writes",
            result="warn",
            detail=f"job.write runs as {role}, which may change the tables of the store",
            fix=f"revoke all on all tables in schema hardpoint from {role}",
        )
    return StoreFinding(check="writes", detail=f"job.write runs as {role}")
