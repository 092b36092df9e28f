"""The accept batch: one statement that says which events are new; what becomes of the others.

The rules are those of the other engines, see `hardpoint.store.keys`. An outcome that stays unknown
is settled by doing the same batch again: a row under our own id proves that the first try was
committed.
"""

from collections.abc import Iterable, Sequence
from typing import Any, final

from hardpoint.core.errors import StoreError
from hardpoint.store.driver import Accepted, NewEvent, Stored, lane_of
from hardpoint.store.keys import (
    dedupe_hash,
    dedupe_key,
    kept_key,
    repeat_key,
    storable,
    storable_or_none,
)
from hardpoint.store.statements import statements

_SQL = statements("accepts", "hardpoint.store.postgres")
_TRIES = 3
"""Retention may take the first of an event between our conflict with it and our look."""


class _Row:
    """An event, as it is to be inserted."""

    __slots__ = ("claim", "dedupe", "event", "handlers", "quarantine")

    def __init__(
        self,
        event: NewEvent,
        dedupe: bytes,
        *,
        claim: bytes | None = None,
        quarantine: str | None = None,
    ) -> None:
        self.event = event
        self.dedupe = dedupe
        self.claim = claim
        self.quarantine = quarantine
        self.handlers = () if quarantine is not None else event.handlers


@final
class AcceptStatements:
    """Stores events on one connection.

    Args:
        owner: the process whose leases are made.
        repeats: quarantined repeats kept for one body.
    """

    def __init__(self, owner: str, repeats: int) -> None:
        self._owner = owner
        self._repeats = repeats

    async def store(self, connection: Any, events: Sequence[NewEvent]) -> list[Accepted]:
        """Store these events; the answers are in their order. Safe to do twice.

        Raises:
            StoreError: an id of ours was used twice.
            Exception: a value that cannot be stored.
        """
        covered = [_covered(one) for one in events if not _asserted(one)]
        answers = iter(await self._covered(connection, covered) if covered else ())
        # An asserted event has two keys. Several in one transaction could wait for those of
        # another process in a circle, however they are sorted; so each has its own.
        return [
            await self._asserted(connection, one) if _asserted(one) else next(answers)
            for one in events
        ]

    async def _covered(self, connection: Any, rows: list[_Row]) -> list[Accepted]:
        found: dict[bytes, tuple[str, bytes]] = {}
        left = {row.dedupe: row for row in reversed(rows)}
        for _ in range(_TRIES):
            stale = await self._insert(
                connection, sorted(left.values(), key=lambda one: one.dedupe)
            )
            for row in left.values():
                if row.event.id not in stale:
                    found[row.dedupe] = row.event.id, row.event.body_sha256
            left = {key: row for key, row in left.items() if key not in found}
            repeated = await connection.fetch(_SQL["known"], [*left]) if left else ()
            for known in repeated:
                found[known["dedupe"]] = str(known["id"]), known["body_sha256"]
            left = {key: row for key, row in left.items() if key not in found}
            if not left:
                return [_answer(row, *found[row.dedupe]) for row in rows]
        raise _used(next(iter(left.values())).event)

    async def _asserted(self, connection: Any, event: NewEvent) -> Accepted:
        row = _Row(
            event,
            _dedupe(event),
            claim=dedupe_hash(event.source, event.body_sha256.hex()),
        )
        for _ in range(_TRIES):
            if not await self._insert(connection, [row]):
                return Accepted(Stored.NEW, event.id)
            answer = await self._repeat(connection, row)
            if answer is not None:
                return answer
        raise _used(event)

    async def _repeat(self, connection: Any, row: _Row) -> Accepted | None:
        """What an event is whose id or body was there; None if neither is now."""
        event = row.event
        by_body = await connection.fetchrow(_SQL["claimed"], row.claim)
        first = by_body or await connection.fetchrow(_SQL["known"], [row.dedupe])
        if first is None:
            return None
        first_id = str(first["id"])
        same = (row.dedupe, storable(event.type), event.body_sha256)
        if (first["dedupe"], first["type"], first["body_sha256"]) == same:
            return Accepted(Stored.NEW if first_id == event.id else Stored.DUPLICATE, first_id)
        own = dedupe_hash(event.source, repeat_key(event))
        if await connection.fetchrow(_SQL["known"], [own]) is None:
            kept = await connection.fetchval(_SQL["repeats"], event.source, event.body_sha256)
            if kept >= self._repeats:
                return Accepted(Stored.DUPLICATE, first_id)
            reason = (
                f"the body of {first_id} under another id, type or account"
                if by_body
                else f"the id of {first_id} with another body"
            )
            await self._insert(connection, [_Row(event, own, quarantine=reason)])
        known = await connection.fetchrow(_SQL["known"], [own])
        if known is None:
            return None
        mine = str(known["id"]) == event.id
        return Accepted(Stored.QUARANTINED if mine else Stored.DUPLICATE, str(known["id"]))

    async def _insert(self, connection: Any, rows: Sequence[_Row]) -> set[str]:
        """The ids of those that were not new."""
        jobs = [
            (row.event.id, handler, _lane(handler, row.event.source), int(row.event.lease))
            for row in rows
            for handler in row.handlers
        ]
        columns = columns_of(map(_event_row, rows))
        jobs_columns = columns_of(jobs) if jobs else [()] * 4
        stale = await connection.fetch(_SQL["store"], *columns, *jobs_columns, self._owner)
        return {str(row[0]) for row in stale}


def columns_of(rows: Iterable[Sequence[Any]]) -> list[Sequence[Any]]:
    """The columns of these rows; one that is all None is empty, which `unnest` takes alike."""
    return [
        () if column.count(None) == len(column) else column for column in zip(*rows, strict=True)
    ]


def _lane(handler: str, source: str) -> str | None:
    """The lane, where it is not called after the handler."""
    lane = lane_of(handler, source)
    return None if lane == handler else lane


def _asserted(event: NewEvent) -> bool:
    return event.asserted and event.malformed is None


def _dedupe(event: NewEvent) -> bytes:
    """Stands for source and key; by the key as a file would keep it, so that one can be copied."""
    return dedupe_hash(event.source, kept_key(dedupe_key(event)))


def _covered(event: NewEvent) -> _Row:
    return _Row(event, _dedupe(event), quarantine=storable_or_none(event.malformed))


def _event_row(row: _Row) -> tuple[Any, ...]:
    event = row.event
    return (
        event.id,
        row.dedupe,
        row.claim,
        event.source,
        storable_or_none(event.vendor_id),
        storable(event.type),
        storable_or_none(event.account),
        event.asserted or None,
        event.received_at,
        event.signed_at,
        None if event.correlation_id == event.id else storable(event.correlation_id),
        event.body_sha256,
        len(event.body),
        row.quarantine,
        len(row.handlers),
        event.headers,
        event.body,
    )


def _answer(row: _Row, identifier: str, body_sha256: bytes) -> Accepted:
    if identifier == row.event.id:
        return Accepted(Stored.NEW if row.quarantine is None else Stored.QUARANTINED, identifier)
    same = body_sha256 == row.event.body_sha256
    return Accepted(Stored.DUPLICATE if same else Stored.CONFLICT, identifier)


def _used(event: NewEvent) -> StoreError:
    return StoreError(f"the id {event.id} was used before")
