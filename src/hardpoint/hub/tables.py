"""TOML tables read strictly: what is not known is refused, with its path and a likely fix."""

import difflib
from collections.abc import Iterable
from math import inf
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_origin

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret

_Value = TypeVar("_Value")


class TomlTable:
    """A TOML table that refuses what it does not know and says where it stands.

    Args:
        path: of the table, `webhooks.billing`.
        content: what TOML has there.
        known: the keys there may be; None for any.

    Raises (every method):
        ConfigurationError: naming the path of the key.
    """

    def __init__(self, path: str, content: object, known: set[str] | None) -> None:
        self.path = path
        if not isinstance(content, dict):
            raise ConfigurationError(path, "is not a table", fix=f"Write [{path}] above its keys")
        self._content: dict[str, Any] = content
        for key in self._content:
            if known is not None and key not in known:
                close = difflib.get_close_matches(key, known, 1)
                fix = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(sorted(known))}"
                raise ConfigurationError(self.key(key), "is not a known setting", fix=fix)

    def key(self, key: str) -> str:
        """The path of one of its keys."""
        return f"{self.path}.{key}" if self.path else key

    def refuse(self, key: str, problem: str, fix: str) -> NoReturn:
        """Say what is wrong with a key."""
        raise ConfigurationError(self.key(key), problem, fix=fix)

    def missing(self, key: str) -> NoReturn:
        """Say that a key must be there."""
        self.refuse(key, "is missing", f"Add it under [{self.path}]")

    def has(self, key: str) -> bool:
        """Whether the key is written."""
        return key in self._content

    def table(self, key: str, known: set[str] | None) -> "TomlTable":
        """The table below a key; empty where there is none."""
        return TomlTable(self.key(key), self._content.get(key, {}), known)

    def names(self, key: str) -> list[str]:
        """The keys of the table below a key."""
        return list(self.table(key, None)._content)

    def written(self, keys: Iterable[str]) -> dict[str, Any]:
        """The values of these keys, as far as they are written, as TOML has them."""
        return {key: self._content[key] for key in keys if key in self._content}

    def get(self, key: str, kind: type[_Value]) -> _Value:
        """The value of a key that must be there."""
        if key not in self._content:
            self.missing(key)
        value = self._content[key]
        if not isinstance(value, get_origin(kind) or kind):
            self.refuse(key, "has the wrong type", f"Write {_KINDS[kind]}")
        return value

    def secret(self, key: str, folder: Path) -> Secret:
        """The secret that a key refers to; relative paths start from `folder`."""
        return Secret.parse(self.get(key, str), key=self.key(key), folder=folder)

    def seconds(self, key: str, default: _Value) -> float | _Value:
        """A number above zero, or the default."""
        if key not in self._content:
            return default
        value = self._content[key]
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < inf:
            self.refuse(key, "is not a number above zero", "Write a number such as 2.5")
        return float(value)

    def count(self, key: str, default: _Value, *, most: int | None = None) -> int | _Value:
        """A whole number above zero, or the default."""
        if key not in self._content:
            return default
        value = self._content[key]
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            self.refuse(key, "is not a whole number above zero", "Write a number such as 300")
        if most is not None and value > most:
            self.refuse(key, "is too large", f"Write {most} at most")
        return value


_KINDS: dict[Any, str] = {
    str: "text in quotes",
    bool: "true or false",
    int: "a whole number",
    list[Any]: "a list in brackets",
}
