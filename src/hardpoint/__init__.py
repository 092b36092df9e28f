"""Every call you make to a third party, and every call it makes back, made safe.

The public names. Each is imported when it is first used, so that `import hardpoint` is cheap and
`from hardpoint import Policy` loads nothing of the inbox.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hardpoint.core.secrets import Secret as Secret
    from hardpoint.hub.hub import Hub as Hub
    from hardpoint.hub.settings import Settings as Settings
    from hardpoint.store.driver import Event as Event
    from hardpoint.store.driver import Transaction as Transaction
    from hardpoint.webhooks.handlers import Permanent as Permanent
    from hardpoint.webhooks.handlers import RetryAfter as RetryAfter
    from hardpoint.webhooks.handlers import Schedule as Schedule
    from hardpoint.webhooks.handlers import Skip as Skip
    from hardpoint.webhooks.job import Job as Job

_HOMES = {
    "Secret": "hardpoint.core.secrets",
    "Hub": "hardpoint.hub.hub",
    "Settings": "hardpoint.hub.settings",
    "Event": "hardpoint.store.driver",
    "Transaction": "hardpoint.store.driver",
    "Permanent": "hardpoint.webhooks.handlers",
    "RetryAfter": "hardpoint.webhooks.handlers",
    "Schedule": "hardpoint.webhooks.handlers",
    "Skip": "hardpoint.webhooks.handlers",
    "Job": "hardpoint.webhooks.job",
}
_ERRORS = "hardpoint.core.errors"


def __getattr__(name: str) -> object:
    home = _HOMES.get(name, _ERRORS if name.endswith("Error") else None)
    if home is not None:
        found = getattr(import_module(home), name, None)
        if found is not None:
            globals()[name] = found
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    errors = [name for name in vars(import_module(_ERRORS)) if name.endswith("Error")]
    return sorted([*globals(), *_HOMES, *errors])
