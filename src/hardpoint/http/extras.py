"""A provider's extras: what a port does not know, passed on beside what it sets."""

from collections.abc import Mapping
from typing import Any

from hardpoint.core.errors import InvalidRequestError


def merged(fields: Mapping[str, Any], extra: Mapping[str, object], provider: str) -> dict[str, Any]:
    """The fields with the extras merged in, nested mappings key by key.

    Raises:
        InvalidRequestError: an extra would set what the port sets.
    """
    return _merged(fields, extra, f"extra.{provider}")


def _merged(fields: Mapping[str, Any], extra: Mapping[str, Any], path: str) -> dict[str, Any]:
    result = dict(fields)
    for name, value in extra.items():
        known = result.get(name)
        if known is None:
            result[name] = value
        elif isinstance(known, Mapping) and isinstance(value, Mapping):
            result[name] = _merged(known, value, f"{path}.{name}")  # pyright: ignore[reportUnknownArgumentType] - any mapping will do
        else:
            raise InvalidRequestError("is set by the port", field=f"{path}.{name}")
    return result
