"""What Twilio signs: the URL it calls, then a form's parameters in order, or a body's hash.

https://www.twilio.com/docs/usage/webhooks/webhooks-security, read 2026-11-23. All on bytes, so that
any body has something that is signed, and no parser can disagree with us before it is checked.
"""

import hashlib
import hmac
import re
from typing import final
from urllib.parse import urlsplit

from hardpoint.core.errors import ConfigurationError, MalformedRequestError
from hardpoint.webhooks.forms import FormField

_JSON = (b"{", b"[")
_PORTS = {"https": "443", "http": "80"}
_HASH = re.compile(r"(?:^|&)bodySHA256=([0-9A-Fa-f]*)(?=&|$)", re.ASCII)


@final
class SignedAddress:
    """The URL that Twilio is told to call, in the spellings it may sign it in.

    It drops or adds the standard port as it likes, and tells nobody which (twilio-python#392).

    Args:
        url: as configured at Twilio, query included.

    Raises:
        ConfigurationError: not an http or https URL.
    """

    __slots__ = ("_bases", "_mark", "_query")

    def __init__(self, url: str) -> None:
        # Twilio takes what follows # as overrides of its own, and neither sends nor signs it.
        url = url.partition("#")[0]
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ConfigurationError("url", "is not a URL") from None
        if parts.scheme not in _PORTS or not parts.hostname or not re.fullmatch(r"[!-~]+", url):
            raise ConfigurationError(
                "url",
                "is not an http or https URL",
                fix="Write the public address that Twilio calls, as it is set there",
            )
        bare, self._mark, query = url.partition("?")
        self._bases = tuple(
            one.encode() for one in _spellings(bare, parts.scheme, parts.netloc, port)
        )
        self._query = query

    def signed(self, received: str, body: bytes) -> tuple[bytes, ...]:
        """What Twilio may have put before the parameters, the address as it is written first.

        Scheme, host and path are the configured ones. The query is the received one where there is
        one: it is signed, and a status callback may have its own. A JSON body's hash stands in it;
        where no query was received, the hash is put where Twilio puts it, last.

        Raises:
            MalformedRequestError: the received query states another hash, or none.
        """
        _, mark, query = received.partition("#")[0].partition("?")
        query = query or self._query
        if body.startswith(_JSON):
            digest = hashlib.sha256(body).hexdigest()
            stated = _HASH.findall(query)
            if not stated and not received.partition("?")[2]:
                query += f"{'&' if query else ''}bodySHA256={digest}"
            elif len(stated) != 1 or not hmac.compare_digest(stated[0].lower(), digest):
                raise MalformedRequestError("the query does not state the hash of the JSON body")
        # A question mark with nothing behind it is signed like any other sign of the address.
        tail = f"?{query}" if query else self._mark or mark
        written = tail.encode("utf-8", "surrogatepass")
        return tuple(base + written for base in self._bases)


def is_json(body: bytes) -> bool:
    """Whether a body is JSON; it says so itself, for the content type is not signed."""
    return body.startswith(_JSON)


def parameters(fields: list[FormField]) -> bytes:
    """Names and values as they are signed: sorted, each pair once, nothing between them."""
    return b"".join(name + value for name, value in sorted(set(fields)))


def _spellings(bare: str, scheme: str, netloc: str, port: int | None) -> tuple[str, str]:
    """A URL as it is written, and the other way: without its port, or with the standard one."""
    start = f"{scheme}://"
    path = bare[len(start) + len(netloc) :]
    other = f"{netloc}:{_PORTS[scheme]}" if port is None else netloc.rpartition(":")[0]
    return f"{start}{netloc}{path}", f"{start}{other}{path}"
