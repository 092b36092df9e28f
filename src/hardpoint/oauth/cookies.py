"""Cookies that belong to one host alone (RFC 6265bis): `__Host-`, Secure, HttpOnly, SameSite=Lax.

No sibling subdomain can set one with that prefix, and none is sent where it could be read. On plain
http, which is loopback alone, browsers take no such cookie, and the name is bare.
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
        posted: it comes with a form that another site posts, too: `SameSite=None`, which browsers
            take by https alone. On loopback they send a fresh one without the word.
    """

    name: str
    secure: bool = True
    posted: bool = False

    @property
    def wire_name(self) -> str:
        """Its name as it is sent."""
        return f"__Host-{self.name}" if self.secure else self.name

    def set(self, value: str, *, seconds: float) -> str:
        """A `Set-Cookie` header that gives it to a browser for so long."""
        secure = "; Secure" if self.secure else ""
        site = "; SameSite=Lax"
        if self.posted:
            site = "; SameSite=None" if self.secure else ""
        return f"{self.wire_name}={value}; Path=/; Max-Age={int(seconds)}{secure}; HttpOnly{site}"

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
        if len(found) != 1 or not 0 < len(found[0]) <= VALUE_CHARACTERS_MAX:
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
