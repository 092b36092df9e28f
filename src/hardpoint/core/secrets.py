"""Secrets: named by reference, read when used, masked everywhere else."""

import logging
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, Self, final

from hardpoint.core.errors import ConfigurationError

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_FILE_BYTES_MAX = 64 * 1024
_AT_HAND = "value"
_WRITTEN_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_READ_BY_OTHERS = stat.S_IRGRP | stat.S_IROTH

_log = logging.getLogger("hardpoint")
_told: set[Path] = set()
"""The files whose readers this process has been warned of."""


@final
class Secret:
    """A value that never shows itself: `reveal()` is called at the signing edge only.

    Build it with `Secret.env`, `Secret.file` or `Secret.value`, or from a reference in a
    configuration file with `Secret.parse`. It resolves anew at each `reveal()`.
    """

    __slots__ = ("_read", "reference")

    def __init__(self, reference: str, read: Callable[[], str]) -> None:
        self.reference = reference
        self._read = read

    @classmethod
    def env(cls, name: str) -> Self:
        """The value of an environment variable, read at each use."""
        reference = f"env:{name}"
        if not _ENV_NAME.fullmatch(name):
            raise ConfigurationError(reference, "is not an environment variable's name")

        def read() -> str:
            try:
                return os.environ[name].removeprefix("\ufeff")
            except KeyError:
                raise ConfigurationError(
                    reference,
                    "the environment variable is not set",
                    fix=f"export {name}=... and start again",
                ) from None

        return cls(reference, read)

    @classmethod
    def file(cls, path: str | os.PathLike[str]) -> Self:
        """The content of a regular file that nobody but its owner may write.

        What orchestrators mount is often readable by others (0444, 0440): then the logger
        `hardpoint` hears one warning. One trailing newline is dropped, and a byte order mark before
        all.
        """
        where = Path(path)
        return cls(f"file:{where}", lambda: _read_private(where))

    @classmethod
    def value(cls, text: str) -> Self:
        """A value already at hand. A configuration file may not hold one; code and tests may."""
        return cls(_AT_HAND, lambda: text)

    @classmethod
    def parse(cls, reference: str, *, key: str, folder: Path | None = None) -> Self:
        """A `env:NAME` or `file:PATH` reference as configuration files write it.

        Args:
            reference: the text found.
            key: the setting's path, for the error.
            folder: what a relative `file:` path starts from; the working directory otherwise.

        Raises:
            ConfigurationError: empty, or a literal where a reference belongs. The text itself is
                not repeated in the message, since it may be a secret.
        """
        kind, _, rest = reference.partition(":")
        if rest and kind == "env" and _ENV_NAME.fullmatch(rest):
            return cls.env(rest)
        if rest and kind == "file":
            return cls.file((folder or Path()) / rest)
        problem = "is empty" if not reference.strip() else "is not a reference"
        raise ConfigurationError(
            key, problem, fix="Write env:NAME or file:PATH; the secret itself does not belong here"
        )

    def reveal(self) -> str:
        """The value itself.

        Raises:
            ConfigurationError: missing, unreadable, empty or blank.
        """
        text = self._read()
        if not text.strip():
            raise ConfigurationError(self.reference, "the secret is empty")
        return text

    def exposure(self) -> str | None:
        """Who besides us can get at a `file:` secret; None where nobody can, or it is no file."""
        kind, _, path = self.reference.partition(":")
        try:
            return _exposure(Path(path).stat()) if kind == "file" else None
        except (OSError, ValueError):  # reading it says what is wrong
            return None

    def __eq__(self, other: object) -> bool:
        """Whether both name the same place; two values at hand are never the same."""
        if not isinstance(other, Secret) or self.reference == _AT_HAND:
            return self is other
        return self.reference == other.reference

    def __hash__(self) -> int:
        return hash(self.reference)

    def __repr__(self) -> str:
        return f"Secret({self.reference})" if self.reference != _AT_HAND else "Secret(****)"

    def __str__(self) -> str:
        return "****"

    def __format__(self, spec: str) -> str:
        return format("****", spec)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled")


def _read_private(path: Path) -> str:
    key = f"file:{path}"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ConfigurationError(key, f"cannot be read ({error.strerror})") from None
    except ValueError:
        raise ConfigurationError(key, "is not a path") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ConfigurationError(key, "is not a regular file")
        if found.st_mode & _WRITTEN_BY_OTHERS:
            raise ConfigurationError(key, "others may write it", fix=f"chmod go-w {path}")
        if (exposed := _exposure(found)) and path not in _told:
            _told.add(path)
            facts = {"event": "secret_exposed", "secret": key, "exposure": exposed}
            _log.warning("%s: %s; where you can: chmod 600 %s", key, exposed, path, extra=facts)
        content = os.read(descriptor, _FILE_BYTES_MAX + 1)
    finally:
        os.close(descriptor)
    if len(content) > _FILE_BYTES_MAX:
        raise ConfigurationError(key, f"is larger than {_FILE_BYTES_MAX} bytes")
    try:
        text = content.decode("utf-8-sig")  # some editors put a byte order mark before it
    except UnicodeDecodeError:
        raise ConfigurationError(key, "is not UTF-8 text") from None
    return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")


def _exposure(found: os.stat_result) -> str | None:
    if found.st_mode & _READ_BY_OTHERS:
        return "others may read it"
    if found.st_uid not in {0, os.geteuid()}:
        return "it belongs to another user"
    return None
