"""SMTP, what every team has: settings and manifest; driver, session and lines beside it.

Unit cost: adapter, since there is no API: sessions, replies and messages are written here, and
lines for two libraries; fake, since it is a server of its own.
"""

import re
from dataclasses import dataclass
from enum import Enum
from math import inf
from pathlib import Path
from urllib.parse import unquote, urlsplit

from hardpoint.core.errors import ConfigurationError, InvalidRequestError
from hardpoint.core.providers import Provider
from hardpoint.core.secrets import Secret
from hardpoint.email.addresses import checked_address
from hardpoint.http.limits import on_loopback

PROVIDER = Provider(
    name="smtp",
    title="SMTP",
    tokens=("smtp", "starttls"),
    docs="https://www.rfc-editor.org/rfc/rfc5321",
    settings="hardpoint.providers.smtp:Smtp",
    ports={"email": "hardpoint.providers.smtp.email:SmtpEmail"},
    effects={
        "email": (
            "hardpoint.providers.smtp.calls:AsyncSmtp",
            "hardpoint.providers.smtp.calls:BlockingSmtp",
        )
    },
    errors="hardpoint.providers.smtp.errors:ERRORS",
    fake_server="hardpoint.providers.smtp.fake_server:FakeSmtp",
    test_secrets={"url": "smtp://127.0.0.1:1"},  # where nobody listens
    starter="hardpoint.providers.smtp:starter",
)

_FIX = "Write smtp://user:password@mail.example:587, or smtps://... for TLS from the first byte"
_PORTS = {"smtp": 587, "smtps": 465}
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|[0-9a-f:.]+", re.ASCII)


class Security(Enum):
    """How a connection becomes private."""

    TLS = "tls"
    """From the first byte."""
    UPGRADED = "starttls"
    """By STARTTLS, before anything is said that matters; without it nothing is sent."""
    NONE = "none"
    """Not at all: it does not leave this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail is handed over."""

    host: str
    port: int
    security: Security
    user: str | None = None
    password: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Smtp:
    """One account at one mail server.

    Args:
        url: `smtp://user:password@host:587` for STARTTLS, `smtps://user:password@host:465` for TLS
            from the first byte. What is not a letter or a digit is percent-encoded. On loopback
            `smtp` is plain, unless `authorities` are given.
        from_: who emails are from, `orders@shop.example` or `Shop <orders@shop.example>`.
        authorities: a file of PEM certificates, believed in place of the system's.
        timeout: seconds for the whole of a session.

    Raises:
        ConfigurationError: a URL of another kind, or a sender that is no address.
    """

    url: Secret
    from_: str | None = None
    authorities: Path | None = None
    timeout: float = 60.0

    def __post_init__(self) -> None:
        _ = self.server
        if not 0 < self.timeout < inf:
            raise ConfigurationError("timeout", "is not a number of seconds above 0", fix="60")
        if self.from_ is not None:
            try:
                checked_address(self.from_, field="from_")
            except InvalidRequestError:
                raise ConfigurationError(
                    "from_", "is not an email address", fix="Write Shop <orders@shop.example>"
                ) from None

    @property
    def server(self) -> MailServer:
        """What the URL says."""
        try:
            parts = urlsplit(self.url.reveal())
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError:
            raise ConfigurationError("url", "is not a URL", fix=_FIX) from None
        if parts.scheme not in _PORTS or not _HOST.fullmatch(host) or port == 0:
            raise ConfigurationError("url", "names no mail server", fix=_FIX)
        if parts.path not in {"", "/"} or parts.query or parts.fragment:
            raise ConfigurationError("url", "holds more than a server", fix=_FIX)
        user, password = (_decoded(one) for one in (parts.username, parts.password))
        if (user is None) is not (password is None):
            raise ConfigurationError("url", "holds half of the credentials", fix=_FIX)
        security = Security.TLS if parts.scheme == "smtps" else Security.UPGRADED
        if security is Security.UPGRADED and on_loopback(host) and self.authorities is None:
            security = Security.NONE
        return MailServer(
            host=host,
            port=port or _PORTS[parts.scheme],
            security=security,
            user=user,
            password=None if password is None else Secret.value(password),
        )


def _decoded(part: str | None) -> str | None:
    if part is None:
        return None
    try:
        text = unquote(part, errors="strict")
    except UnicodeDecodeError:
        text = ""
    if not text or not text.isprintable() or not part.isascii():
        raise ConfigurationError("url", "holds credentials that are none", fix=_FIX)
    return text
