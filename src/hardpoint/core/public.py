"""Names that a package offers, each imported when it is first used."""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module


def lazily(
    package: str, homes: Mapping[str, Sequence[str] | str]
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """What a package calls `__getattr__`, `__dir__` and `__all__`.

    Type checkers read the same names from imports below `if TYPE_CHECKING`.

    Args:
        package: its `__name__`.
        homes: the modules where the names are defined, each with those to offer: a tuple, or a text
            with blanks between them.
    """
    home_of = {
        name: home
        for home, names in homes.items()
        for name in (names.split() if isinstance(names, str) else names)
    }
    module = sys.modules[package]

    def found(name: str) -> object:
        home = home_of.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(home), name)
        setattr(module, name, value)
        return value

    def listed() -> list[str]:
        return sorted({*vars(module), *home_of})

    return found, listed, sorted(home_of)
