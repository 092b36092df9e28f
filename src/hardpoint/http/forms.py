"""Forms: nested values as `application/x-www-form-urlencoded` with bracket keys."""

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote_plus

from hardpoint.core.errors import InvalidRequestError

FORM = "application/x-www-form-urlencoded"

Value = str | int | bool | Mapping[str, "Value"] | Sequence["Value"] | None
"""What a form can hold; a float has no exact text and is refused."""


def encode(form: Mapping[str, Value]) -> bytes:
    """`{"a": {"b": 1}, "c": ["x"], "d": True, "e": None}` as `a[b]=1&c[0]=x&d=true`.

    Raises:
        InvalidRequestError: a value of another kind, naming its field.
    """
    return "&".join(
        f"{quote_plus(name, safe='[]')}={quote_plus(text)}" for name, text in pairs(form)
    ).encode("ascii")


def pairs(form: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    """The same as names and texts; None is left out."""
    for name, value in form.items():
        yield from _flat(name, value)


def _flat(name: str, value: Value) -> Iterator[tuple[str, str]]:
    match value:
        case None:
            return
        case bool():
            yield name, "true" if value else "false"
        case str():
            yield name, value
        case int():
            yield name, str(value)
        case Mapping():
            for key, inner in value.items():
                yield from _flat(f"{name}[{key}]", inner)
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from _flat(f"{name}[{index}]", inner)
        case _:
            raise InvalidRequestError(f"cannot hold a {type(value).__name__}", field=name)
