"""Which argument of a port a provider means that names fields by their paths, `to.1.email`."""

import re
from collections.abc import Collection, Mapping
from typing import final

from hardpoint.http.errors import Problem

_PLACE = re.compile(r"\.(\d{1,4})(?=\.|\Z)", re.ASCII)


def without_places(path: str) -> str:
    """A path without the places in lists: `to.email` for `to.1.email`."""
    return _PLACE.sub("", path)


@final
class ArgumentPaths:
    """The port's arguments by the provider's paths: the `argument=` of an `ErrorTable`.

    Args:
        names: arguments by the beginnings of paths, without places in lists.
        lists: those arguments that are lists, and are named with the place: `to[1]`.
        root: what paths may begin with, and whose place is not the argument's.
    """

    def __init__(
        self, names: Mapping[str, str], *, lists: Collection[str] = (), root: str = ""
    ) -> None:
        self._names = names
        self._lists = lists
        self._root = root

    def __call__(self, problem: Problem) -> str | None:
        """The argument that a problem's field, or else its code, belongs to."""
        path = problem.field or problem.code or ""
        plain = without_places(path)
        while plain:
            if name := self._names.get(plain):
                places = _PLACE.findall(path.removeprefix(self._root))
                return f"{name}[{places[0]}]" if name in self._lists and places else name
            plain = plain.rpartition(".")[0]
        return None
