"""The fields of a request to a fake vendor: each is taken once, what is left over is refused."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast, final

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


@final
class JsonFields:
    """The fields of a JSON object, checked as the vendor checks them; each is taken once.

    Args:
        values: what came where an object belongs.
        refuse: makes the vendor's refusal from a problem and the path of a field.
        path: of the object.

    Raises (every method):
        Exception: what `refuse` made.
    """

    def __init__(
        self, values: object, refuse: Callable[[str, str], Exception], path: str = ""
    ) -> None:
        if not isinstance(values, dict):
            raise refuse("Bad Request", path)
        self._left = dict(cast("dict[str, Any]", values))
        self._refuse = refuse
        self._path = path

    def refusal(self, problem: str, name: str = "") -> Exception:
        """The vendor's refusal of a field, or of the whole."""
        return self._refuse(problem, ".".join(filter(None, (self._path, name))))

    def take(self, name: str) -> Any:
        """A field's value, or None."""
        return self._left.pop(name, None)

    def text(self, name: str, problem: str, like: re.Pattern[str]) -> str:
        """A field with a text of a certain form."""
        found = self.take(name)
        if not isinstance(found, str) or not like.fullmatch(found):
            raise self.refusal(problem, name)
        return found

    def text_or_none(self, name: str, problem: str, like: re.Pattern[str]) -> str | None:
        """The same for a field that may be missing."""
        return None if self._left.get(name) is None else self.text(name, problem, like)

    def texts(self, name: str, problem: str) -> dict[str, str]:
        """A field with texts by name; empty when it is missing."""
        if self._left.get(name) is None:
            return {}
        found = self.inner(name)._left
        if not all(isinstance(one, str) for one in found.values()):
            raise self.refusal(problem, name)
        return found

    def inner(self, name: str) -> "JsonFields":
        """A field with an object."""
        path = ".".join(filter(None, (self._path, name)))
        return JsonFields(self.take(name), self._refuse, path)

    def inner_or_none(self, name: str) -> "JsonFields | None":
        """The same for a field that may be missing."""
        return None if self._left.get(name) is None else self.inner(name)

    def each(self, name: str) -> Iterator["JsonFields"]:
        """A field with a list of objects; none when it is missing."""
        for place, one in enumerate(self.take(name) or ()):
            self._left[f"{name}.{place}"] = one
            yield self.inner(f"{name}.{place}")

    def finish(self) -> None:
        """See that nothing is left over."""
        for name in self._left:
            raise self.refusal("This fake does not know the field.", name)


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
