"""The fence table: writes in a database that is not the store's, exactly once for each job.

A row for the event and the handler is committed together with the writes. Whoever finds it, after
a crash between that commit and the job's own end, knows that they were made. Two attempts at a time
cannot both insert it: the second waits for the first, and finds it.
"""

import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar, cast

from hardpoint.core.errors import StoreError, StoreMisuseError
from hardpoint.store.fenced import FencedTarget, fenced_target

T = TypeVar("T")

FENCE_TABLE: Final = (
    "create table hardpoint_done (event varchar(36) not null, handler varchar(255) not null,"
    " done_at double precision not null, primary key (event, handler))"
)
"""Makes the table, in any database whose tables take part in transactions."""

_LOOK = "select handler from hardpoint_done where event = {} and handler = {}"
_LOOK_AT_KIND = (
    "select (select handler from hardpoint_done where event = {} and handler = {}),"
    " (select e.transactions from information_schema.tables t"
    " join information_schema.engines e on e.engine = t.engine"
    " where t.table_schema = database() and t.table_name = 'hardpoint_done')"
)
"""For MariaDB and MySQL: some of their tables commit each statement, whatever was begun."""
_NOTE = "insert into hardpoint_done (event, handler, done_at) values ({}, {}, {})"
_OURS = "select done_at from hardpoint_done where event = {} and handler = {}"

_NAME_MAX: Final = 255
_APART_SECONDS: Final = 1.0
"""Two attempts of one job begin further apart than this."""

FencedWrite = Callable[[Any], object]
"""Writes on the connection or session that it is given, and neither commits nor rolls back."""


def write_fenced(
    target: object, function: FencedWrite, *, event: str, handler: str, now: float
) -> Any:
    """Call the function in a transaction of the target's, unless that was done for this job.

    Args:
        target: any DB-API connection, SQLAlchemy's `Connection` or `Session`, or a connection of
            Django's; or, awaited, SQLAlchemy's `AsyncConnection` or `AsyncSession`.
        function: writes; a coroutine function where it is awaited.
        event: whose job it is.
        handler: the job's; of a long one the end is kept as a hash.
        now: Unix seconds, for whoever clears the table; another for each attempt.

    Returns:
        True when it has written; False when it had, before. An awaitable of that for what is
        awaited.

    Raises:
        StoreMisuseError: the target does not fit, or is in a transaction already.
        StoreError: there is no fence table, or it takes no part in transactions, or takes two
            handlers for the same; or the function has swallowed an error that undid its writes.
    """
    fenced, awaited = fenced_target(target)
    work = _written(fenced, function, event, _kept_name(handler), now)
    return work if awaited else _stepped(work)


async def _written(
    target: FencedTarget, function: FencedWrite, event: str, handler: str, now: float
) -> bool:
    if target.in_transaction():
        raise StoreMisuseError(
            "the connection is in a transaction already: write_in begins its own, and commits it"
        )
    try:
        await target.begin()
        if await _noted(target, event, handler):
            await target.roll_back()
            return False
        if not await _note(target, event, handler, now):
            return False
        result = function(target.given)
        if isinstance(result, Awaitable):
            await result
        await _make_sure(target, event, handler, now)
        await target.commit()
    except BaseException:
        with suppress(Exception):  # the connection may be gone, and the transaction with it
            await target.roll_back()
        raise
    return True


async def _noted(target: FencedTarget, event: str, handler: str) -> bool:
    try:
        row = await target.run(_LOOK_AT_KIND if target.of_kinds else _LOOK, event, handler)
    except Exception as error:
        raise StoreError(
            f"the fence table hardpoint_done cannot be read there ({error}). Make it once, with "
            f"your own migrations: {FENCE_TABLE}"
        ) from error
    found, *kind = (None,) if row is None else _values(row)
    if kind and kind != ["YES"]:
        raise StoreError(
            "the fence table hardpoint_done takes no part in transactions there, so nothing can be "
            "written exactly once: alter table hardpoint_done engine = InnoDB, and likewise each "
            "table that is written with it"
        )
    if found not in {None, handler}:
        raise StoreError(
            f"the database takes the handlers {handler} and {found} for the same: give one of them "
            "another name, or the column hardpoint_done.handler a collation that tells them apart"
        )
    return found is not None


def _values(row: Any) -> tuple[Any, ...]:
    """Those of a row, whatever the application has rows look like."""
    return tuple(cast("Mapping[str, Any]", row).values() if isinstance(row, Mapping) else row)


async def _note(target: FencedTarget, event: str, handler: str, now: float) -> bool:
    """Whether the row is ours: another attempt may have inserted it between our look and now."""
    try:
        await target.run(_NOTE, event, handler, now)
    except Exception:
        await target.roll_back()
        await target.begin()
        if not await _noted(target, event, handler):
            raise
        await target.roll_back()
        return False
    return True


async def _make_sure(target: FencedTarget, event: str, handler: str, now: float) -> None:
    """The row must still be there, and ours.

    A function may swallow an error with which the database has undone its transaction: MariaDB
    begins another without a word after a deadlock, and PostgreSQL commits nothing.
    """
    try:
        row = await target.run(_OURS, event, handler)
    except Exception as error:
        raise StoreError(_UNDONE.format(error)) from error
    if row is None or abs(float(_values(row)[0]) - now) > _APART_SECONDS:
        raise StoreError(_UNDONE.format("the row of this job is gone"))


_UNDONE: Final = (
    "the transaction of write_in is not what it was ({}): the function has caught an error of the "
    "database that it should raise, or has itself rolled back; or the column "
    "hardpoint_done.handler cannot hold the handler's name"
)


def _kept_name(handler: str) -> str:
    """As the column has room for; longer ones stay apart by a hash."""
    if len(handler) <= _NAME_MAX:
        return handler
    digest = hashlib.sha256(handler.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{handler[: _NAME_MAX - len(digest) - 1]}:{digest}"


def _stepped(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine over a blocking connection to its end: it never suspends."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    work.close()
    raise StoreMisuseError(
        "the function awaits something: on a connection that blocks it is a plain def"
    )
