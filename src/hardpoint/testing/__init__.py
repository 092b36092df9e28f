"""What tests of applications and of hardpoint itself use; each is imported when it is first used.

Much of it comes as fixtures too, see `plugin`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hardpoint.testing.assertions import assert_call_budget as assert_call_budget
    from hardpoint.testing.assertions import assert_exactly_once as assert_exactly_once
    from hardpoint.testing.assertions import assert_no_secret_in as assert_no_secret_in
    from hardpoint.testing.clock import ManualClock as ManualClock
    from hardpoint.testing.fakes import Fakes as Fakes
    from hardpoint.testing.network import Network as Network
    from hardpoint.testing.network import NetworkRefusedError as NetworkRefusedError
    from hardpoint.testing.network import loopback_only as loopback_only
    from hardpoint.testing.time import manual_time as manual_time
    from hardpoint.testing.time import no_delays as no_delays

_HOMES = {
    "Fakes": "hardpoint.testing.fakes",
    "ManualClock": "hardpoint.testing.clock",
    "Network": "hardpoint.testing.network",
    "NetworkRefusedError": "hardpoint.testing.network",
    "assert_call_budget": "hardpoint.testing.assertions",
    "assert_exactly_once": "hardpoint.testing.assertions",
    "assert_no_secret_in": "hardpoint.testing.assertions",
    "loopback_only": "hardpoint.testing.network",
    "manual_time": "hardpoint.testing.time",
    "no_delays": "hardpoint.testing.time",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
