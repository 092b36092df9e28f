"""Cookies that belong to one host alone (RFC 6265bis): `__Host-`, Secure, HttpOnly, SameSite=Lax.

No sibling subdomain can set one with that prefix, and none is sent where it could be read. One that
goes to a single path is `__Secure-` instead, and whoever reads it asks whose it is. On plain http,
which is loopback alone, browsers take neither, and the name is bare.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import final
from urllib.parse import unquote, urlsplit

from hardpoint.core.errors import FlowError

VALUE_CHARACTERS_MAX = 128


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """One cookie of ours.

    Attributes:
        name: without its prefix, `hp_session`.
        secure: whether we are reached by https.
        path: where it is sent; `/` is everywhere.
        characters_max: a longer value is neither set nor read.
        posted: it comes with a form that another site posts, too: `SameSite=None`, which browsers
            take by https alone. On loopback they send a fresh one without the word.
    """

    name: str
    secure: bool = True
    posted: bool = False
    path: str = "/"
    characters_max: int = VALUE_CHARACTERS_MAX

    @property
    def wire_name(self) -> str:
        """Its name as it is sent."""
        prefix = "__Host-" if self.path == "/" else "__Secure-"
        return f"{prefix}{self.name}" if self.secure else self.name

    def set(self, value: str, *, seconds: float) -> str:
        """A `Set-Cookie` header that gives it to a browser for so long."""
        secure = "; Secure" if self.secure else ""
        site = "; SameSite=Lax"
        if self.posted:
            site = "; SameSite=None" if self.secure else ""
        kept = f"Path={self.path}; Max-Age={int(seconds)}"
        return f"{self.wire_name}={value}; {kept}{secure}; HttpOnly{site}"

    def clear(self) -> str:
        """A `Set-Cookie` header that takes it away."""
        return self.set("", seconds=0)

    def read(self, headers: Iterable[str]) -> str | None:
        """Its value from the `Cookie` headers of a request; None when it is absent, or there twice.

        Of two of the same name nobody can say which is ours.
        """
        found = [
            value
            for header in headers
            for name, _, value in (pair.strip().partition("=") for pair in header.split(";"))
            if name == self.wire_name
        ]
        if len(found) != 1 or not 0 < len(found[0]) <= self.characters_max:
            return None
        return found[0]


CHARACTERS_MAX = 2000
_VISIBLE = re.compile(r"[!-\[\]-~]+", re.ASCII)  # no blanks, no controls, no backslash
_LEADING = re.compile(r"/(?![/\\])")


def checked_return(text: str, origins: Collection[str] = ()) -> str:
    """A place to return to, as it was given.

    Args:
        text: a path with its query, `/orders?page=2`, or the address of another of our sites.
        origins: those sites, `https://app.acme.example`.

    Raises:
        FlowError: it may lead elsewhere.
    """
    if len(text) > CHARACTERS_MAX or not _VISIBLE.fullmatch(text):
        raise _refused()
    path = text
    for origin in origins:
        if text == origin:
            return text
        if text.startswith(f"{origin}/"):
            path = text[len(origin) :]
    seen = path
    for _ in range(3):
        if not _LEADING.match(seen) or "\\" in seen or not seen.isprintable():
            raise _refused()
        if "://" in urlsplit(seen).path or _climbs(urlsplit(seen).path):
            raise _refused()
        seen = unquote(seen)
    return text


def _climbs(path: str) -> bool:
    """Whether it holds `.` or `..` steps, or empty ones, that lead to `//` when they are folded."""
    steps = path.split("/")[1:]
    return any(step in {".", ".."} for step in steps) or "" in steps[:-1]


def _refused() -> FlowError:
    return FlowError("return_to: is not an address of this site", reason="return_to")
