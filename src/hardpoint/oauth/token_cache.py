"""What one process remembers of the vault: tokens it may hand out without another look."""

from dataclasses import dataclass
from typing import Final, final

from hardpoint.core.effects import Clock, Random
from hardpoint.oauth.refresh import serving
from hardpoint.oauth.sealing import HeldCredential
from hardpoint.oauth.transitions import Timing
from hardpoint.store.vault import ConnectionRow, SlotKey

KNOWN_MOST: Final = 10_000
"""How many credentials one process remembers."""


@final
@dataclass(frozen=True, slots=True)
class _Known:
    """A credential, by the wall clock until when it is fresh, and until when not to look again."""

    held: HeldCredential
    fresh_until: float
    looked_until: float


@final
class TokenCache:
    """Fresh tokens by key. What another process changes shows within `Timing.cached` seconds."""

    def __init__(self, timing: Timing, clock: Clock, random: Random) -> None:
        self._timing = timing
        self._now = clock.now
        self._monotonic = clock.monotonic
        self._random = random
        self._known: dict[SlotKey, _Known] = {}

    def known(self, key: SlotKey) -> HeldCredential | None:
        """A credential that needs no look; the way every call takes, so it does little."""
        known = self._known.get(key)
        if (
            known is None
            or self._now() >= known.fresh_until
            or self._monotonic() >= known.looked_until
        ):
            return None
        return known.held

    def due(self, row: ConnectionRow) -> bool:
        """Whether it is time to renew it."""
        if not row.refreshable:
            return False
        if row.rejected == row.version:
            return True
        return row.expires_at is not None and self._now() >= row.expires_at - self._early(row)

    def remember(self, key: SlotKey, current: HeldCredential) -> HeldCredential:
        """Hand it out without another look, at most as long as it is to be used."""
        row = current.row
        if not serving(current, self._now()):
            self.forget(key)
            return current
        until = self._now() + self._timing.cached
        if row.expires_at is not None:
            # One that is due and could not be renewed now is handed out to its end.
            due = self.due(row)
            until = row.expires_at - (self._early(row) if row.refreshable and not due else 0.0)
        while len(self._known) >= KNOWN_MOST:
            self._known.pop(next(iter(self._known)), None)  # the one that was first looked at
        self._known[key] = _Known(current, until, self._monotonic() + self._timing.cached)
        return current

    def forget(self, key: SlotKey) -> None:
        """Look the next time."""
        self._known.pop(key, None)

    def _early(self, row: ConnectionRow) -> float:
        """How long before its end a token is renewed: spread, so that not all come at once."""
        life = (row.expires_at or 0.0) - row.issued_at
        return min(self._timing.early, life / 5) * (1 - self._random() / 4)
