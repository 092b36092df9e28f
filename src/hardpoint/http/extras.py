"""What goes beside the arguments of a port: a provider's extras, and the caller's own pairs."""

from collections.abc import Iterator, Mapping
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


def text_pairs(given: Mapping[str, str], *, field: str) -> Iterator[tuple[str, str, str]]:
    """The names and values of metadata or headers, each pair with its own name for errors.

    Raises:
        InvalidRequestError: one of them is no text; nothing was sent.
    """
    for name, value in given.items():
        pair: tuple[object, object] = (name, value)
        own = f"{field}[{name!r:.50}]"
        odd = [type(one).__name__ for one in pair if not isinstance(one, str)]  # pyright: ignore[reportUnnecessaryIsInstance] - callers may err
        if odd:
            raise InvalidRequestError(f"holds {odd[0]}, and must be a string: str(...)", field=own)
        yield name, value, own
