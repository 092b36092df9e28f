"""Cookies that belong to one host alone (RFC 6265bis): `__Host-`, Secure, HttpOnly, SameSite=Lax.

No sibling subdomain can set one with that prefix, and none is sent where it could be read. On plain
http, which is loopback alone, browsers take no such cookie, and the name is bare.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

VALUE_CHARACTERS_MAX = 128


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """One cookie of ours.

    Attributes:
        name: without its prefix, `hp_session`.
        secure: whether we are reached by https.
    """

    name: str
    secure: bool = True

    @property
    def wire_name(self) -> str:
        """Its name as it is sent."""
        return f"__Host-{self.name}" if self.secure else self.name

    def set(self, value: str, *, seconds: float) -> str:
        """A `Set-Cookie` header that gives it to a browser for so long."""
        secure = "; Secure" if self.secure else ""
        return (
            f"{self.wire_name}={value}; Path=/; Max-Age={int(seconds)}"
            f"{secure}; HttpOnly; SameSite=Lax"
        )

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
