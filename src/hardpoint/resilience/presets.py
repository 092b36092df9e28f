"""Ready-made options with the defaults that are documented, named after what they do.

All of them wait 1, 2, 4, 8, 16 s, each plus up to a second by chance, as far as their attempts go;
give an attempt 10 s; open after 5 failures in a row and ask again after 60 s; wait as long as a
Retry-After asks, up to 60 s; and keep retries to a fifth of all calls.
"""

from typing import Any, Literal, get_args

from hardpoint.core.errors import ConfigurationError
from hardpoint.resilience.backoff import exponential
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.budget import Budget
from hardpoint.resilience.retry import Retry

Preset = Literal["no_retry", "two_retries", "four_retries", "five_retries"]
"""Up to so many retries: two while a user waits (3 attempts), four by default (5 attempts), five in
the background (6 attempts, all five waits)."""

WAITS = exponential(1.0, factor=2.0, cap=16.0, jitter="added")


def preset_options(preset: object) -> dict[str, Any]:
    """The options of a preset.

    Raises:
        ConfigurationError: there is none of that name.
    """
    if preset not in _ATTEMPTS:
        known = ", ".join(get_args(Preset))
        raise ConfigurationError("preset", f"{preset!r} is not known", fix=f"Known: {known}")
    attempts = _ATTEMPTS[preset]
    return {
        "timeout": 10.0,
        "breaker": Breaker(failures=5, recovery=60.0),
        "retry": None if attempts == 1 else _retry(attempts),
    }


def _retry(attempts: int) -> Retry:
    return Retry(attempts, backoff=WAITS, throttled=WAITS, budget=Budget())


_ATTEMPTS: dict[object, int] = {
    "no_retry": 1,
    "two_retries": 3,
    "four_retries": 5,
    "five_retries": 6,
}
