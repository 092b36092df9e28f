"""How everything is, at a glance: what needs somebody, and what goes on now."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Final, TypeVar, final

from starlette.responses import Response
from starlette.routing import Route

from hardpoint.core.errors import StoreError
from hardpoint.dashboard.drawing import drawn
from hardpoint.dashboard.event_pages import file_of
from hardpoint.dashboard.letters import key_of
from hardpoint.dashboard.live import live_route
from hardpoint.dashboard.visits import Desk, Visit, route
from hardpoint.store.views import DeadCause, FailingJob, SourceTraffic, StoreReader
from hardpoint.telemetry.health import ConnectionHealth, HealthReport, HealthState, SourceHealth

CAUSES: Final = 8
SHOWN_MAX: Final = 200
"""Sources, connections, needs: of ten thousand the worst."""
ARRIVALS: Final = 10_000
LOOK_SECONDS: Final = 1.0
BINS: Final = 48
BIN_SECONDS: Final = 1800.0
"""The chart's: a day, in half hours."""


def overview_routes(desk: Desk) -> list[Route]:
    """The first page, and what keeps it fresh."""
    latest = LatestLook()

    async def overview(visit: Visit) -> Response:
        return visit.page("overview.html", **await _values(visit, latest))

    async def fresh(visit: Visit) -> str:
        body = drawn("overview_part.html", root=visit.root, **await _values(visit, latest))
        return f'<hx-partial hx-target="#overview" hx-swap="innerHTML">{body}</hx-partial>'

    return [route(desk, "/", overview), live_route(desk, "/live", fresh)]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreNow:
    """What the store says of now.

    Attributes:
        problem: why it says nothing.
    """

    failing: Sequence[FailingJob] = ()
    causes: Sequence[DeadCause] = ()
    traffic: Sequence[SourceTraffic] = ()
    problem: str | None = None


def _look(reader: StoreReader) -> StoreNow:
    return StoreNow(
        failing=reader.failing(each=False, limit=CAUSES),
        causes=reader.causes(limit=CAUSES),
        traffic=reader.traffic(limit=ARRIVALS),
    )


@final
class LatestLook:
    """What the store said last, for all who look: asked again after a second.

    After ten times what the answer took, where that is longer: of a million dead letters the causes
    are counted by reading all of them.
    """

    def __init__(self) -> None:
        self._until = -inf
        self._known: StoreNow | None = None
        self._looking: asyncio.Task[StoreNow] | None = None

    async def get(self, desk: Desk) -> StoreNow:
        """It, or what was known before while somebody else asks; also that there is no answer."""
        if self._known is not None and desk.hub._clock.monotonic() < self._until:
            return self._known
        looking, loop = self._looking, asyncio.get_running_loop()
        if looking is None or looking.done() or looking.get_loop() is not loop:
            looking = self._looking = asyncio.create_task(self._look(desk))
        elif self._known is not None:
            return self._known
        return await asyncio.shield(looking)

    async def _look(self, desk: Desk) -> StoreNow:
        monotonic = desk.hub._clock.monotonic
        begun = monotonic()
        try:
            self._known = await desk.look(_look)
        except StoreError as error:
            self._known = StoreNow(problem=str(error))
        ended = monotonic()
        self._until = ended + max(LOOK_SECONDS, 10 * (ended - begun))
        return self._known


async def _values(visit: Visit, latest: LatestLook) -> dict[str, Any]:
    desk, now = visit.desk, visit.desk.now
    report = await desk.hub.observation.report()
    store = await latest.get(desk)
    return {
        "report": report,
        "sources": worst_first(report.sources),
        "connections": worst_first(report.connections),
        "most": SHOWN_MAX,
        "needs": [*needs(report, store)],
        "failing": store.failing,
        "causes": [(key_of(one), one) for one in store.causes],
        "file_of": file_of,
        "chart": arrivals(store.traffic, now),
        "at": now,
    }


_Healthy = TypeVar("_Healthy", SourceHealth, ConnectionHealth)


def worst_first(many: Sequence[_Healthy]) -> Sequence[_Healthy]:
    """Those that are down, then the degraded ones, then the rest; no more than a page holds."""
    order = [*reversed(HealthState)]
    return sorted(many, key=lambda one: order.index(one.state))[:SHOWN_MAX]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Something that somebody should look at.

    Attributes:
        path: of the page that says more.
    """

    what: str
    state: HealthState
    reasons: tuple[str, ...]
    path: str


def needs(report: HealthReport, store: StoreNow) -> Iterator[Need]:
    """All of it, the worst first."""
    problems = dict.fromkeys(one for one in (report.store, store.problem) if one)
    found = [
        Need(what="the store", state=HealthState.DOWN, reasons=(problem,), path="/settings")
        for problem in problems
    ]
    for kind, many, path in (
        ("connection", report.connections, "/providers"),
        ("source", report.sources, "/providers"),
    ):
        found += [
            Need(what=f"{kind} {one.name}", state=one.state, reasons=one.reasons, path=path)
            for one in many
            if one.state is not HealthState.UP
        ]
    trouble = len(report.accounts_in_trouble)
    if trouble:
        reason = f"{trouble} need to be connected again, or cannot be renewed"
        found.append(
            Need(
                what="connected accounts",
                state=HealthState.DEGRADED,
                reasons=(reason,),
                path="/accounts",
            )
        )
    yield from sorted(found, key=lambda one: one.state is not HealthState.DOWN)[:SHOWN_MAX]


def arrivals(traffic: Sequence[SourceTraffic], now: float) -> Mapping[str, Any]:
    """How many events came in each half hour of the last day, and from when on that is known."""
    last = int(now // BIN_SECONDS)
    bins = [0] * BINS
    times = [at for one in traffic for at in one.arrivals]
    for at in times:
        back = last - int(at // BIN_SECONDS)
        if 0 <= back < BINS:
            bins[BINS - 1 - back] += 1
    begins = [(last - BINS + 1 + number) * BIN_SECONDS for number in range(BINS)]
    whole = len(times) < ARRIVALS
    return {
        "begins": begins,
        "bins": bins,
        "total": sum(bins),
        "highest": max(bins),
        "since": None if whole else min(times),
    }
