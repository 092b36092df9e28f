"""Checking options when a policy is built: what makes no sense is refused by its name."""

from math import isfinite

from hardpoint.core.errors import ConfigurationError


def seconds(option: str, value: object, *, zero: bool = False) -> float:
    """A finite duration above zero, or from zero on.

    Raises:
        ConfigurationError: it is none.
    """
    return _number(option, value, "a duration in seconds", zero=zero)


def amount(option: str, value: object, *, zero: bool = False) -> float:
    """A finite number above zero, or from zero on.

    Raises:
        ConfigurationError: it is none.
    """
    return _number(option, value, "a number", zero=zero)


def share(option: str, value: object) -> float:
    """A share of a whole, above 0 and up to 1.

    Raises:
        ConfigurationError: it is none.
    """
    number = _number(option, value, "a share of 1", zero=False)
    if number > 1:
        raise ConfigurationError(
            option, f"is a share of 1, not {number:g}", fix="Write 0.5 for 50%"
        )
    return number


def count(option: str, value: object, *, least: int = 1, most: int = 1_000_000) -> int:
    """A whole number within bounds.

    Raises:
        ConfigurationError: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigurationError(option, f"is a whole number, not {value!r}")
    if not least <= value <= most:
        raise ConfigurationError(option, f"must be from {least} to {most}, not {value}")
    return value


def _number(option: str, value: object, what: str, *, zero: bool) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ConfigurationError(option, f"is {what}, not {value!r}")
    if not _finite(value):
        raise ConfigurationError(option, f"must be finite, not {value}")
    if value < 0 or (value == 0 and not zero):
        raise ConfigurationError(
            option, f"must be {'0 or more' if zero else 'above 0'}, not {value:g}"
        )
    return float(value)


def _finite(value: float) -> bool:
    try:
        return isfinite(value)
    except OverflowError:  # an integer beyond what a float can hold
        return False
