"""Addresses, `ann@shop.example` or `"Lee, Ann" <ann@shop.example>`: checked, shown only in part.

What providers take, not all that RFC 5322 allows: no comments, groups or IP addresses, and no
blanks in a quoted local part. A local part is ASCII, for few mail servers take more (RFC 6531). A
domain may be in any script where IDNA 2003 and 2008 agree on it, and becomes `xn--...`; where they
do not (`ß`, `ς`), mail might go to another's domain, so the caller has to write the ASCII form.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from hardpoint.core.arguments import expect
from hardpoint.core.errors import InvalidRequestError
from hardpoint.email.headers import checked_line
from hardpoint.http.redaction import Discreet, length

EMAIL_CHARACTERS_MAX = 254
"""RFC 5321, erratum 1690."""
NAME_CHARACTERS_MAX = 255
ADDRESS_CHARACTERS_MAX = 2 * NAME_CHARACTERS_MAX + EMAIL_CHARACTERS_MAX + 8

_LOCAL = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_QUOTED_LOCAL = re.compile(r'"(?:[!#-\[\]-~]|\\[!-~])+"', re.ASCII)
"""RFC 5321, 4.1.2, without blanks: `"a..b."@docomo.ne.jp` is somebody's address."""
_LOCAL_CHARACTERS_MAX = 64
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?![0-9]+\Z){_LABEL}", re.ASCII)
_NAMED = re.compile(r"(.*?)\s*<([^<>]*)>", re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_SPECIALS = frozenset('()<>[]:;@\\,"')


class Address(Discreet, frozen=True, kw_only=True):
    """Someone's address, and the name shown beside it. Made by hand it is checked when it is used.

    Attributes:
        email: `ann@shop.example`.
        name: any text of one line.
    """

    email: str
    name: str | None = None

    masks: ClassVar[Mapping[str, Callable[[Any], str]]] = {
        "email": lambda email: repr(masked(email)),
        "name": length,
    }

    def __str__(self) -> str:
        """The address itself: what is sent. In a log write `repr`, which masks it."""
        return self.formatted()

    def formatted(self) -> str:
        """As it is written where one text holds both; `checked_address` reads it back."""
        if self.name is None:
            return self.email
        return f"{quoted(self.name, _SPECIALS)} <{self.email}>"


def quoted(name: str, specials: frozenset[str]) -> str:
    """A name in quotation marks, if it holds one of these characters."""
    if specials.isdisjoint(name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def checked_address(given: str | Address, *, field: str) -> Address:
    """The address with its domain in lower case and ASCII; the local part stays as it is.

    Raises:
        InvalidRequestError: it is none; nothing was sent.
    """
    expect(given, (str, Address), field, 'text such as "ann@shop.example", or an Address')
    email, name = (given.email, given.name) if isinstance(given, Address) else _split(given, field)
    if name is not None:
        name = checked_line(name, field=field, most=NAME_CHARACTERS_MAX).strip()
    local, at, domain = email.rpartition("@")
    if at and len(email) <= EMAIL_CHARACTERS_MAX:
        domain = _ascii(domain)
        fits = len(local) <= _LOCAL_CHARACTERS_MAX and len(local) + len(domain) < (
            EMAIL_CHARACTERS_MAX
        )
        known = _LOCAL.fullmatch(local) or _QUOTED_LOCAL.fullmatch(local)
        if fits and known and _DOMAIN.fullmatch(domain):
            return Address(email=f"{local}@{domain}", name=name)
    raise InvalidRequestError("is not an email address", field=field)


def masked(email: str) -> str:
    """An address as logs may hold it, `a****@shop.example`."""
    local, at, domain = email.rpartition("@")
    return f"{local[:1]}****{at}{domain}"


def _split(text: str, field: str) -> tuple[str, str | None]:
    """The address in a text, and the name before it."""
    checked_line(text, field=field, most=ADDRESS_CHARACTERS_MAX)
    found = _NAMED.fullmatch(text)
    if found is None:
        return text, None
    name, email = found.groups()
    if inner := _QUOTED.fullmatch(name):
        return email, re.sub(r"\\(.)", r"\1", inner[1], flags=re.DOTALL)
    if not _SPECIALS.isdisjoint(name):
        raise InvalidRequestError("has a name that needs quotation marks", field=field)
    return email, name or None


def _ascii(domain: str) -> str:
    """A domain in ASCII; empty where that cannot be said for certain."""
    domain = unicodedata.normalize("NFC", domain).lower()
    if domain.isascii():
        return domain
    try:
        encoded = domain.encode("idna")
        certain = encoded.decode("idna") == domain
    except UnicodeError:
        return ""
    return encoded.decode("ascii") if certain else ""
