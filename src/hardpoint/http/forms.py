"""Forms: nested values as `application/x-www-form-urlencoded` with bracket keys."""

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote_plus

from hardpoint.core.errors import InvalidRequestError

FORM = "application/x-www-form-urlencoded"

Value = str | int | bool | Mapping[str, "Value"] | Sequence["Value"] | None
"""What a form can hold; a float has no exact text and is refused."""


def encode(form: Mapping[str, Value], *, repeat: bool = False) -> bytes:
    """`{"a": {"b": 1}, "c": ["x"], "d": True, "e": None}` as `a[b]=1&c[0]=x&d=true`.

    Args:
        form: names and values.
        repeat: write a list as its name again and again, `c=x&c=y`, in place of numbering it.

    Raises:
        InvalidRequestError: a value of another kind, naming its field.
    """
    return "&".join(
        f"{quote_plus(name, safe='[]')}={quote_plus(text)}"
        for name, text in pairs(form, repeat=repeat)
    ).encode("ascii")


def pairs(form: Mapping[str, Value], *, repeat: bool = False) -> Iterator[tuple[str, str]]:
    """The same as names and texts; None is left out."""
    for name, value in form.items():
        yield from _flat(name, value, repeat)


def _flat(name: str, value: Value, repeat: bool) -> Iterator[tuple[str, str]]:
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
                yield from _flat(f"{name}[{key}]", inner, repeat)
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from _flat(name if repeat else f"{name}[{index}]", inner, repeat)
        case _:
            raise InvalidRequestError(f"cannot hold a {type(value).__name__}", field=name)
