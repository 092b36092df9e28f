"""What operators do to stored events, each with its line in the audit; refusal counters."""

from collections.abc import Sequence
from typing import Any

from hardpoint.store.driver import Refusals
from hardpoint.store.keys import replay_of, storable
from hardpoint.store.postgres import calls
from hardpoint.store.postgres.jobs import count_of
from hardpoint.store.statements import statements

_SQL = statements("operations", "hardpoint.store.postgres")


async def retry(connection: Any, event: str, handler: str | None, audit: tuple[str, str]) -> int:
    """Revive dead jobs and hurry waiting ones; gives how many."""
    async with connection.transaction():
        hurried = count_of(await connection.execute(_SQL["hurry"], event, handler))
        revived = count_of(await connection.execute(_SQL["revive"], event, handler))
        if revived:
            await calls.clear(connection, event, handler)
            await connection.execute(_SQL["unbury"], event)
        await _record(connection, "retry", event, handler, audit)
    return hurried + revived


async def replay(
    connection: Any,
    event: str,
    handlers: Sequence[str],
    force: bool,
    audit: tuple[str, str, str],
) -> int:
    """Make new jobs for these handlers; gives how many. `audit`: who asks, why, by what plan."""
    plan, names = audit[2], ", ".join(handlers)
    action = replay_of(plan)
    async with connection.transaction():
        if plan and await connection.fetchval(_SQL["planned"], _target(event, names), action):
            return 0
        made = count_of(await connection.execute(_SQL["replay"], event, handlers, force))
        if made:
            await connection.execute(_SQL["unbury"], event)
            await connection.execute(_SQL["handled"], made, event)
        await _record(connection, action, event, names, audit[:2])
    return made


async def resolve(connection: Any, event: str, handler: str | None, audit: tuple[str, str]) -> int:
    """Close dead letters and waiting jobs: done by someone's hand; gives how many."""
    async with connection.transaction():
        await connection.execute(_SQL["hold"], event)  # else one could be claimed in between
        note = storable(f"resolved: {audit[1]}")
        await connection.execute(_SQL["resolved"], event, handler, note)
        closed = count_of(await connection.execute(_SQL["resolve"], event, handler))
        closed += count_of(await connection.execute(_SQL["resolve_waiting"], event, handler))
        await _record(connection, "resolve", event, handler, audit)
    return closed


async def note(connection: Any, action: str, target: str, audit: tuple[str, str]) -> None:
    """Write a line into the audit record."""
    await _record(connection, storable(action), storable(target), None, audit)


async def refuse(connection: Any, counts: Sequence[Refusals]) -> None:
    """Add to the counters, in the same order as any other process does."""
    together: dict[tuple[str, str, int], int] = {}
    for one in counts:
        name = one.source, one.reason, one.minute
        together[name] = together.get(name, 0) + one.count
    rows = [(*name, count) for name, count in sorted(together.items())]
    await connection.execute(_SQL["refuse"], *zip(*rows, strict=True))


async def _record(
    connection: Any, action: str, event: str, handler: str | None, audit: tuple[str, str]
) -> None:
    actor, reason = map(storable, audit)
    await connection.execute(_SQL["audit"], actor, action, _target(event, handler), reason)


def _target(event: str, handler: str | None) -> str:
    return f"{event} {handler}" if handler else event
