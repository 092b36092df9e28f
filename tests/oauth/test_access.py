"""What a process remembers of the vault: fresh by the wall clock, believed by the steady one."""

import msgspec

from hardpoint.core.secrets import Secret
from hardpoint.oauth.access import TokenCache
from hardpoint.oauth.sealing import HeldCredential
from hardpoint.oauth.tokens import Tokens
from hardpoint.oauth.transitions import Timing
from hardpoint.store.vault import ConnectionRow, SlotKey

NOW = 1_700_000_000.0
KEY = SlotKey("t", "c", "main")


class TwoClocks:
    """Of which one may be set."""

    def __init__(self):
        self.wall, self.steady = NOW, 0.0

    def now(self):
        return self.wall

    def monotonic(self):
        return self.steady


def held():
    row = msgspec.convert(
        {
            **dict.fromkeys(ConnectionRow.__struct_fields__),
            "tenant": "t",
            "name": "c",
            "slot": "main",
            "kind": "oauth",
            "state": "active",
            "state_since": NOW,
            "version": 1,
            "issued_at": NOW,
            "expires_at": NOW + 3600,
            "refreshable": 1,
            "created_at": NOW,
            "failures": 0,
            "rejected": 0,
        },
        ConnectionRow,
    )
    tokens = Tokens(access=Secret.value("at"), issued_at=NOW, expires_at=NOW + 3600)
    return HeldCredential(row=row, tokens=tokens)


def test_a_wall_clock_that_was_set_back_lengthens_nothing():
    clocks, timing = TwoClocks(), Timing()
    cache = TokenCache(timing, clocks, lambda: 0.5)
    cache.remember(KEY, held())
    assert cache.known(KEY) is not None
    clocks.wall -= 3600
    clocks.steady += timing.cached - 0.1
    assert cache.known(KEY) is not None
    clocks.steady += 0.1
    assert cache.known(KEY) is None


def test_a_token_near_its_end_is_looked_at_again_however_little_time_has_passed():
    clocks = TwoClocks()
    cache = TokenCache(Timing(), clocks, lambda: 0.5)
    cache.remember(KEY, held())
    clocks.wall += 3600
    assert cache.known(KEY) is None
