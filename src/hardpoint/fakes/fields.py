"""The fields of a request to a fake vendor: each is taken once, what is left over is refused."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, final

_BRACKET = re.compile(r"\[([^\[\]]*)\]")


@final
class Fields:
    """Fields by name.

    Args:
        values: nested mappings, lists and texts.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._left = dict(values)

    def take(self, name: str) -> Any:
        """A field's value, or None."""
        return self._left.pop(name, None)

    def texts(self, name: str) -> dict[str, str]:
        """A field's texts by name or index; empty when there is no such field."""
        value = self.take(name)
        return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType] - texts, as `nested` makes them

    def left(self) -> tuple[str, ...]:
        """The names that nobody took."""
        return tuple(self._left)


def without_empty(value: Any) -> Any:
    """A document without the members that say nothing: null, and empty objects.

    Vendors may leave those out, from one version or account to the next.
    """
    if isinstance(value, Mapping):
        members = {name: without_empty(one) for name, one in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType, reportUnknownMemberType] - any JSON
        return {name: one for name, one in members.items() if one not in (None, {})}  # pyright: ignore[reportUnknownVariableType] - any JSON
    if isinstance(value, list):
        return [without_empty(one) for one in value]  # pyright: ignore[reportUnknownVariableType] - any JSON
    return value


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Bracket keys as nested mappings: `a[b]=1` is `{"a": {"b": "1"}}`.

    A list comes as a mapping of its indices: `c[0]=x` and `c[]=x` are `{"c": {"0": "x"}}`.
    """
    result: dict[str, Any] = {}
    for name, text in pairs:
        first = name.partition("[")[0]
        steps = [first, *_BRACKET.findall(name[len(first) :])]
        here = result
        for step in steps[:-1]:
            here = here.setdefault(step, {})
        here[steps[-1] or str(len(here))] = text
    return result
