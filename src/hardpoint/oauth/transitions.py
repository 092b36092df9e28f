"""What follows for a connection, decided from its row alone: pure, and within one transaction."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import final

from msgspec.structs import replace

from hardpoint.core.errors import ConfigurationError, RefusalConcern, TokenEndpointError
from hardpoint.oauth.catalogue import ProviderEntry, RefreshRotation
from hardpoint.oauth.states import ConnectionState
from hardpoint.oauth.tokens import Tokens
from hardpoint.store.vault import ConnectionRow

REJECTED_SECONDS = 60.0
"""A token younger than this is not replaced because the API refused it: the next would be too."""
RETRY_SECONDS = 5.0
RETRY_SECONDS_MAX = 6 * 3600.0
CLIENT_RETRY_SECONDS = 60.0
OWN = "client"
"""The kind of a connection whose tokens are the client's own: it asks for others at any time."""
KEEP_SHARE = 0.75
"""Of the time that a refresh token lasts unused: after that it is used, so that it is not lost."""
_GRACE_MARGIN = 10.0
_CLOCKS_APART = 5.0
"""What the clocks of several machines may differ by."""
"""Of a grace's seconds, those that a request may take to get there."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long things may take, in seconds.

    Attributes:
        exchange: one request to a token endpoint, all of it.
        lease: how long one process has a refresh for itself.
        busy: waiting for a lock on the vault's file.
        early: an access token is renewed so long before its end, but at most a fifth of its life.
        cached: how long a process serves a token without looking whether it still stands.

    Raises:
        ConfigurationError: a lease could end while its holder still works.
    """

    exchange: float = 20.0
    lease: float = 60.0
    busy: float = 5.0
    early: float = 300.0
    cached: float = 30.0

    def __post_init__(self) -> None:
        # The journal, the exchange, the commit: each may wait for the file once.
        if self.lease <= self.exchange + 2 * self.busy:
            raise ConfigurationError(
                "vault.lease",
                "is too short for a refresh and its commit",
                fix=f"Write more than {self.exchange + 2 * self.busy:g} seconds",
            )


class Next(Enum):
    """What to do for a credential that has to be renewed."""

    NOTHING = auto()
    """It stands as it stands: renewed by somebody else, not due yet, or past help."""
    WAIT = auto()
    """Somebody else renews it."""
    SEND = auto()
    """Send the refresh token."""
    ASK = auto()
    """It may have been used up: ask the provider, which has a way to tell."""
    GIVE_UP = auto()
    """It may have been used up, and nobody can tell."""


def next_step(
    row: ConnectionRow,
    entry: ProviderEntry,
    now: float,
    *,
    seen: int,
    lease: float,
    asked: bool = False,
    resend: bool = False,
) -> Next:
    """What to do.

    Args:
        row: as it is now.
        entry: the provider's rules.
        now: Unix seconds; it may have jumped.
        seen: the version that has to be renewed.
        lease: the longest lease there can be: one that lasts longer is a clock that was set back.
        asked: somebody asked for it, so that a back-off is no reason to wait.
        resend: somebody takes it upon himself to send what may have been used up.
    """
    ended = row.state in {ConnectionState.NEEDS_REAUTH.value, ConnectionState.DISCONNECTED.value}
    lost = row.state == ConnectionState.NEEDS_REAUTH.value and row.attempt_at is not None
    if row.version != seen or not row.refreshable or (ended and not (lost and resend)):
        return Next.NOTHING
    if leased(row, now, lease):
        return Next.WAIT
    sure = resend or row.kind == OWN
    sendable = row.attempt_at is None or sure or harmless(entry, row.attempt_at, now)
    if not sendable and entry.introspection_url is None:
        return Next.GIVE_UP
    due = row.retry_at is None or not now < row.retry_at <= now + RETRY_SECONDS_MAX * 2
    if not (due or asked):
        return Next.NOTHING
    return Next.SEND if sendable else Next.ASK


def leased(row: ConnectionRow, now: float, lease: float) -> bool:
    """Whether somebody renews it now."""
    return row.lease_until is not None and now < row.lease_until <= now + lease + _CLOCKS_APART


def harmless(entry: ProviderEntry, attempt_at: float, now: float) -> bool:
    """Whether a refresh token that was sent at a time, and perhaps used up, can be sent again."""
    if entry.rotation is RefreshRotation.GRACE:
        return 0 <= now - attempt_at < entry.reuse_grace - _GRACE_MARGIN
    return entry.rotation is RefreshRotation.STATIC


def claimed(row: ConnectionRow, now: float, *, owner: str, lease: float) -> ConnectionRow:
    """The row while its refresh token is on its way: journalled before it is sent."""
    first = row.attempt_at if row.attempt_at is not None else now
    return replace(row, lease_owner=owner, lease_until=now + lease, attempt_at=first)


def asking(row: ConnectionRow, now: float, *, owner: str, lease: float) -> ConnectionRow:
    """The row while its provider is asked about it; the attempt stays in doubt."""
    return replace(row, lease_owner=owner, lease_until=now + lease)


def renewed(row: ConnectionRow, tokens: Tokens, now: float) -> ConnectionRow:
    """The row with new tokens."""
    return replace(
        moved(row, ConnectionState.ACTIVE, None, now),
        version=row.version + 1,
        scope=None if tokens.scope is None else " ".join(tokens.scope),
        issued_at=tokens.issued_at,
        expires_at=tokens.expires_at,
        refresh_expires_at=tokens.refresh_expires_at,
        refreshable=int(tokens.refresh is not None or row.kind == OWN),
        attempt_at=None,
        failures=0,
        retry_at=None,
    )


def failed(
    row: ConnectionRow,
    error: TokenEndpointError,
    entry: ProviderEntry,
    now: float,
    *,
    before: float | None,
    jitter: float,
) -> ConnectionRow:
    """The row after a refresh that brought no tokens; the client's own trouble is not its.

    Args:
        row: as it was while the refresh was under way.
        error: what came instead.
        entry: the provider's rules.
        now: Unix seconds.
        before: since when an earlier attempt was in doubt already.
        jitter: from 0 to 1, spreads the next tries.
    """
    verdict = concern(row, error)
    if verdict == "grant":
        return _gone(row, _why_gone(row, now, before), now)
    if verdict == "interaction":
        return _gone(row, "interaction_required", now)
    if verdict == "client":
        return replace(moved(row, ConnectionState(row.state), row.reason, now), attempt_at=before)
    failures = row.failures + 1
    wait = min(RETRY_SECONDS * 2.0 ** min(failures - 1, 20), RETRY_SECONDS_MAX)
    wait = max(wait * (1 + jitter / 4), error.retry_after or 0.0)
    unknown = not error.outcome_known
    strict = entry.rotation is RefreshRotation.STRICT and row.kind != OWN
    doubtful = (unknown or before is not None) and strict
    if not doubtful:
        after = moved(row, ConnectionState.DEGRADED, "refresh_failed", now)
    elif entry.introspection_url is not None:
        after = moved(row, ConnectionState.IN_DOUBT, "lost_answer", now)
    else:
        after = given_up(row, now)
    return replace(
        after,
        attempt_at=row.attempt_at if unknown else before,
        failures=failures,
        retry_at=now + wait,
    )


def concern(row: ConnectionRow, error: TokenEndpointError) -> RefusalConcern:
    """Whose matter a refusal is; a client that asks for itself has no user who could help."""
    own = row.kind == OWN and error.verdict != "transient"
    return "client" if own else error.verdict


def idle(row: ConnectionRow, entry: ProviderEntry, now: float) -> bool:
    """Whether a refresh token has to be used now, so that the provider does not forget it.

    By its own end, where the provider says one or the entry has one: with most providers each use
    brings a new end.
    """
    states = {ConnectionState.ACTIVE.value, ConnectionState.DEGRADED.value}
    if not row.refreshable or row.kind == OWN or row.state not in states:
        return False
    lives = [entry.refresh_idle_seconds] if entry.refresh_idle_seconds else []
    if row.refresh_expires_at is not None:
        lives.append(row.refresh_expires_at - row.issued_at)
    return bool(lives) and now >= row.issued_at + KEEP_SHARE * min(lives)


def _gone(row: ConnectionRow, reason: str, now: float) -> ConnectionRow:
    return replace(moved(row, ConnectionState.NEEDS_REAUTH, reason, now), attempt_at=None)


def _why_gone(row: ConnectionRow, now: float, before: float | None) -> str:
    if before is not None:
        return "lost_answer"  # the earlier attempt had used it up
    ended = row.refresh_expires_at is not None and row.refresh_expires_at <= now
    return "refresh_expired" if ended else "revoked"


def given_up(row: ConnectionRow, now: float) -> ConnectionRow:
    """The row of a refresh token that may have been used up, where nobody can tell.

    What is still valid is served; then the grant counts as gone. The attempt stays noted: an answer
    that comes late after all is still taken.
    """
    alive = row.expires_at is not None and now < row.expires_at and row.rejected != row.version
    state = ConnectionState.IN_DOUBT if alive else ConnectionState.NEEDS_REAUTH
    return moved(row, state, "lost_answer", now)


def moved(
    row: ConnectionRow, state: ConnectionState, reason: str | None, now: float
) -> ConnectionRow:
    """The row in a state, its lease over."""
    same = row.state == state.value and row.reason == reason
    return replace(
        row,
        state=state.value,
        reason=reason,
        state_since=row.state_since if same else now,
        lease_owner=None,
        lease_until=None,
    )


def takes(row: ConnectionRow | None, version: int) -> bool:
    """Whether an answer to the refresh of `version`, however late, is still the next one."""
    return (
        row is not None
        and row.version == version
        and row.state != ConnectionState.DISCONNECTED.value
    )
