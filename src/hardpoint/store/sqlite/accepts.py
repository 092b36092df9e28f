"""The accept batch: which events are new, and what becomes of those that are not.

A *covered* id is unique within its source and account. An *asserted* id came with a body that is
signed but does not vouch for it: whoever captured the body can send it again under any id and type.
Then the body counts too, and what repeats one without repeating the other is stored apart, in
quarantine, where it claims neither. So a captured body cannot be handled twice, and cannot take the
id of an event that is still to come.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

from hardpoint.core.errors import StoreError
from hardpoint.store.driver import Accepted, NewEvent, Stored, lane_of
from hardpoint.store.keys import dedupe_key, kept_key, repeat_key, storable, storable_or_none
from hardpoint.store.statements import statements

_SQL = statements("accepts")
_EVENT = _SQL["event"]


class Accepts:
    """Stores events on the writer's connection, inside its transaction."""

    def __init__(self, connection: sqlite3.Connection, *, boot: int, repeats: int) -> None:
        self._connection = connection
        self._boot = boot
        self._repeats = repeats
        self._seq: int = connection.execute(_SQL["last_content"]).fetchone()[0] or 0
        self._contents: list[tuple[int, str, bytes, bytes]] = []
        self._jobs: list[tuple[str, str, str, float, int | None, int]] = []

    def store(self, events: Sequence[NewEvent], *, now: float) -> list[Accepted]:
        """Store these events in this order.

        Raises:
            StoreError: an id of ours was used twice.
            Exception: a value SQLite cannot hold.
        """
        self._contents, self._jobs = [], []
        accepted = [self._store(event, now) for event in events]
        self._connection.executemany(_SQL["content"], self._contents)
        self._connection.executemany(_SQL["job"], self._jobs)
        return accepted

    def _store(self, event: NewEvent, now: float) -> Accepted:
        key = kept_key(dedupe_key(event))
        if event.malformed is not None:
            if self._insert(event, key, storable(event.malformed), 0):
                return Accepted(Stored.QUARANTINED, event.id)
            return Accepted(Stored.DUPLICATE, self._by_key(event, key)[0])
        handlers = event.handlers
        if not self._insert(event, key, None, len(handlers)):
            return self._repeat(event, key) if event.asserted else self._same_id(event, key)
        holder, fence = (self._boot, 1) if event.lease else (None, 0)
        for handler in handlers:
            lane = lane_of(handler, event.source)
            self._jobs.append((event.id, handler, lane, now, holder, fence))
        return Accepted(Stored.NEW, event.id)

    def _insert(self, event: NewEvent, key: str, quarantine: str | None, handlers: int) -> bool:
        self._seq += 1
        inserted = self._connection.execute(
            _EVENT,
            (
                event.id,
                event.source,
                key,
                storable_or_none(event.vendor_id),
                storable(event.type),
                storable_or_none(event.account),
                event.asserted,
                event.received_at,
                event.signed_at,
                storable(event.correlation_id),
                event.body_sha256,
                len(event.body),
                quarantine,
                handlers,
                self._seq,
            ),
        ).rowcount
        if inserted:
            self._contents.append((self._seq, event.id, event.headers, event.body))
        return bool(inserted)

    def _by_key(self, event: NewEvent, key: str) -> Any:
        row = self._connection.execute(_SQL["by_key"], (event.source, key)).fetchone()
        if row is None:
            raise StoreError(f"the id {event.id} was used before")
        return row

    def _same_id(self, event: NewEvent, key: str) -> Accepted:
        row = self._by_key(event, key)
        same = row[3] == event.body_sha256
        return Accepted(Stored.DUPLICATE if same else Stored.CONFLICT, row[0])

    def _repeat(self, event: NewEvent, key: str) -> Accepted:
        find = self._connection.execute
        by_body = find(_SQL["by_body"], (event.source, event.body_sha256)).fetchone()
        first = by_body or self._by_key(event, key)
        if first[1:] == (key, storable(event.type), event.body_sha256):
            return Accepted(Stored.DUPLICATE, first[0])
        own = repeat_key(event)
        known = find(_SQL["by_key"], (event.source, own)).fetchone()
        if known is not None:
            return Accepted(Stored.DUPLICATE, known[0])
        if find(_SQL["repeats"], (event.source, event.body_sha256)).fetchone()[0] >= self._repeats:
            return Accepted(Stored.DUPLICATE, first[0])
        reason = (
            f"the body of {first[0]} under another id, type or account"
            if by_body
            else f"the id of {first[0]} with another body"
        )
        self._insert(event, own, reason, 0)
        return Accepted(Stored.QUARANTINED, event.id)
