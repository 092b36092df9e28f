"""Ending attempts: many in one statement; what was recorded before its answer was lost."""

from collections.abc import Sequence
from typing import Any, final

from hardpoint.store.driver import Completed, Completion, LeaseName, Outcome
from hardpoint.store.keys import storable, storable_or_none
from hardpoint.store.postgres.accepts import columns_of
from hardpoint.store.statements import statements

_SQL = statements("completions", "hardpoint.store.postgres")

_BURIED = {Outcome.DEAD: "permanent", Outcome.NEEDS_RECONCILE: "needs_reconcile"}
"""Outcomes that leave a dead letter, and its reason where none is given."""

_AGAIN = {Outcome.FAILED, Outcome.DEFERRED}


@final
class CompletionStatements:
    """Ends attempts of one process.

    Args:
        owner: the process.
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner

    async def end(
        self, connection: Any, completions: Sequence[Completion], *, again: bool = False
    ) -> list[Completed]:
        """End these attempts; the answers are in their order.

        Args:
            connection: where.
            completions: each of another lease.
            again: they may be on record already, though nobody was told.
        """
        recorded = await self.ended(connection, completions)
        late = [name for name in map(lease_of, completions) if name not in recorded]
        if late and again:
            recorded |= await self.recorded(connection, late)
        taken = (lease_of(one) in recorded for one in completions)
        return [Completed.RECORDED if one else Completed.REFUSED for one in taken]

    async def ended(self, connection: Any, completions: Sequence[Completion]) -> set[LeaseName]:
        """End these; gives those that it has ended."""
        rows = sorted(map(_row, completions), key=lambda row: row[:3])
        ended = await connection.fetch(_SQL["end"], *columns_of(rows), self._owner)
        return {_name(row) for row in ended}

    async def recorded(self, connection: Any, leases: Sequence[LeaseName]) -> set[LeaseName]:
        """Those of which the end is on record."""
        found = await connection.fetch(_SQL["recorded"], *zip(*leases, strict=True))
        return {_name(row) for row in found}


def lease_of(completion: Completion) -> LeaseName:
    """The lease that it ends."""
    return completion.event, completion.handler, completion.fence


def _name(row: Any) -> LeaseName:
    return str(row[0]), row[1], row[2]


def _row(completion: Completion) -> tuple[Any, ...]:
    outcome = completion.outcome
    return (
        *lease_of(completion),
        completion.started_at,
        completion.ended_at,
        None if outcome is Outcome.DONE else outcome.value,
        storable_or_none(completion.error),
        None if completion.place is None else storable(completion.place.stored()),
        outcome in _AGAIN or None,
        completion.retry_in or None,
        completion.reason or _BURIED[outcome] if outcome in _BURIED else None,
    )
