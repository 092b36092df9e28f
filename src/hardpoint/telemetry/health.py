"""How well each connection and each source is: what is known, and what follows from it. Pure."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Final

import msgspec

CALLS_MIN: Final = 10
"""Fewer calls than this say nothing about a rate of errors."""
ERRORS_DEGRADED: Final = 0.05
BACKLOG_DEGRADED: Final = 300.0
"""Seconds for which the oldest due event may wait."""
EXPIRY_DEGRADED: Final = 24 * 3600.0
"""A credential that nobody renews by itself, this close to its end."""
GAPS_MIN: Final = 10
SILENT_FACTOR: Final = 3.0
"""A source is silent when it has said nothing for so many times its usual longest gap."""


class HealthState(StrEnum):
    """From well to not at all."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


CIRCUITS: Final = ("forced_open", "open", "half_open", "closed", "disabled")
"""The states of a circuit, the worst first."""
_ORDER: Final = (HealthState.UP, HealthState.DEGRADED, HealthState.DOWN)


class CredentialHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Something that proves who we are.

    Attributes:
        name: where it is: `connections.crm.key`, or the account `github/user_7`.
        state: of a connected account; `active` otherwise.
        age_seconds: since it was last renewed; None where nobody knows.
        expires_at: when it ends, Unix seconds; None: never, or nobody knows.
        renewed: whether that happens by itself.
    """

    name: str
    state: str = "active"
    age_seconds: float | None = None
    expires_at: float | None = None
    renewed: bool = False


class ConnectionHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One connection, as the site's processes have seen it in the last five minutes.

    Attributes:
        state, reasons: what follows.
        calls, error_rate: of all processes together.
        p95_seconds: of the slowest of them.
        circuit: the worst of its circuits; None where it has none.
        quota_left, quota_limit: as its answers said; the least that one of them heard.
    """

    name: str
    provider: str
    state: HealthState
    reasons: tuple[str, ...]
    calls: int
    error_rate: float | None
    p95_seconds: float | None
    circuit: str | None
    quota_left: int | None
    quota_limit: int | None
    last_call_at: float | None
    last_error: str | None
    credentials: tuple[CredentialHealth, ...]


class SourceHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One source of webhooks, as the store has it.

    Attributes:
        state, reasons: what follows.
        last_at: when its last event came; None where it is not among the last events of all.
        usually_silent_seconds: how long it usually says nothing, at most: 95 of 100 gaps.
        waiting: jobs that are not done yet.
        oldest_due_seconds: how long the one that is due the longest has waited.
        dead: jobs that were given up.
        refusals: by reason, those that go on now.
        vendor_gives_up_in: seconds for which the vendor still repeats what was refused first.
    """

    name: str
    provider: str
    state: HealthState
    reasons: tuple[str, ...]
    last_at: float | None
    usually_silent_seconds: float | None
    waiting: int
    oldest_due_seconds: float | None
    dead: int
    refusals: Mapping[str, int]
    vendor_gives_up_in: float | None


class ProcessHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One process of this machine that shares the store, and is observed.

    Attributes:
        role: `owner` has the store, `guest` hands over to who has it; empty where it is silent.
        answered: False: it lives and says nothing, so its calls are not in the report.
    """

    pid: int
    role: str
    answered: bool = True


class ProcessShare(msgspec.Struct, frozen=True, kw_only=True):
    """What one process tells another of itself."""

    pid: int
    role: str
    connections: tuple[ConnectionHealth, ...]


class HealthReport(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, and who says so.

    Attributes:
        role: `owner` has the store, `guest` hands over to who has it.
        store: why it cannot be read; None where it can.
    """

    state: HealthState
    at: float
    pid: int
    role: str
    store: str | None
    connections: tuple[ConnectionHealth, ...]
    sources: tuple[SourceHealth, ...]
    accounts: Mapping[str, int]
    """Connected accounts, by their state."""
    accounts_in_trouble: tuple[CredentialHealth, ...]
    """The first of those that somebody has to look at."""
    processes: tuple[ProcessHealth, ...] = ()
    """Those that the calls of `connections` were made in, the one that answers first."""


def worst(states: Sequence[HealthState]) -> HealthState:
    """The worst of some; `up` of none."""
    return max(states, key=_ORDER.index, default=HealthState.UP)


def connection_state(
    *,
    calls: int,
    error_rate: float | None,
    circuit: str | None,
    credentials: Sequence[CredentialHealth],
    now: float,
) -> tuple[HealthState, tuple[str, ...]]:
    """What follows for a connection."""
    found: list[tuple[HealthState, str]] = []
    if circuit in {"open", "forced_open"}:
        found.append((HealthState.DOWN, f"its circuit is {circuit}"))
    elif circuit == "half_open":
        found.append((HealthState.DEGRADED, "its circuit is half open: one call tries"))
    if error_rate is not None and calls >= CALLS_MIN and error_rate >= ERRORS_DEGRADED:
        found.append((HealthState.DEGRADED, f"{error_rate:.0%} of {calls} calls failed"))
    found += [one for each in credentials if (one := credential_state(each, now)) is not None]
    return worst([state for state, _ in found]), tuple(reason for _, reason in found)


def together(ones: Sequence[ConnectionHealth], now: float) -> ConnectionHealth:
    """One connection, as several processes have seen it; the first one's credentials count."""
    calls = sum(one.calls for one in ones)
    failed = sum(one.calls * (one.error_rate or 0.0) for one in ones)
    circuits = [one.circuit for one in ones if one.circuit is not None]
    circuit = min(circuits, key=CIRCUITS.index, default=None)
    rate = failed / calls if calls else None
    quotas = [one for one in ones if one.quota_left is not None]
    quota = min(quotas, key=lambda one: one.quota_left or 0, default=ones[0])
    last = max(ones, key=lambda one: one.last_call_at or 0.0)
    errors = [one for one in ones if one.last_error is not None]
    state, reasons = connection_state(
        calls=calls, error_rate=rate, circuit=circuit, credentials=ones[0].credentials, now=now
    )
    return msgspec.structs.replace(
        ones[0],
        state=state,
        reasons=reasons,
        calls=calls,
        error_rate=rate,
        p95_seconds=max((one.p95_seconds or 0.0 for one in ones), default=0.0) or None,
        circuit=circuit,
        quota_left=quota.quota_left,
        quota_limit=quota.quota_limit,
        last_call_at=last.last_call_at,
        last_error=max(errors, key=lambda one: one.last_call_at or 0.0).last_error
        if errors
        else None,
    )


def credential_state(one: CredentialHealth, now: float) -> tuple[HealthState, str] | None:
    """What is wrong with a credential; None where nothing is."""
    if one.state == "needs_reauth":
        return HealthState.DEGRADED, f"{one.name} has to be connected again"
    if one.state in {"degraded", "in_doubt"}:
        return HealthState.DEGRADED, f"{one.name} is {one.state}: it cannot be renewed now"
    if one.expires_at is None or one.renewed:
        return None
    left = one.expires_at - now
    if left <= 0:
        return HealthState.DEGRADED, f"{one.name} has expired"
    if left < EXPIRY_DEGRADED:
        return HealthState.DEGRADED, f"{one.name} expires in {left / 3600:.1f} h"
    return None


def source_state(
    *,
    refusals: Mapping[str, int],
    oldest_due: float | None,
    dead: int,
    last_at: float | None,
    usually_silent: float | None,
    now: float,
) -> tuple[HealthState, tuple[str, ...]]:
    """What follows for a source."""
    reasons = [f"{count} refused: {reason}" for reason, count in refusals.items()]
    if oldest_due is not None and oldest_due > BACKLOG_DEGRADED:
        reasons.append(f"an event has been due for {oldest_due:.0f} s")
    if dead:
        reasons.append(f"{dead} dead letters")
    if last_at is not None and usually_silent is not None:
        silent = now - last_at
        if silent > SILENT_FACTOR * max(usually_silent, 60.0):
            reasons.append(f"silent for {silent:.0f} s, usually for {usually_silent:.0f} s at most")
    return HealthState.DEGRADED if reasons else HealthState.UP, tuple(reasons)


def usual_silence(arrivals: Sequence[float]) -> float | None:
    """How long a source usually says nothing, by the times of its events, the newest first."""
    gaps = sorted(after - before for after, before in pairwise(arrivals))
    return None if len(gaps) < GAPS_MIN else gaps[int(len(gaps) * 0.95)]
