"""A request as bytes: checked before anything is opened, exactly as it was asked for.

RFC 9112 for the form. What HTTP cannot say (a line end within a header, a name that is no token) is
refused, so that no value can begin a header or a request of its own.
"""

import re
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple, final
from urllib.parse import urlsplit

from hardpoint.core.errors import InvalidRequestError
from hardpoint.http.limits import checked_url
from hardpoint.http.messages import BodyStream, Request

JOINED_BYTES_MAX = 64 * 1024
"""A body up to this size leaves together with its head, in one piece."""

_URL = re.compile(r"([A-Za-z]+://[^/?#\\]*)((?:[/?][!-\"$-~]*)?)(?:#[!-~]*)?", re.ASCII)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_TEXT = bytes({9, *range(0x20, 0x7F), *range(0x80, 0x100)})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_OURS = frozenset({"host", "content-length", "transfer-encoding"})
_NAMES_KEPT = 1024

_known: dict[str, bool] = {}
"""Names of headers found to be in order, and whether each is the one for encodings."""


@final
class Origin(NamedTuple):
    """Where a request goes, by its URL.

    Attributes:
        key: scheme, host and port in one form, however they were written.
        secure: over TLS.
        host: the name or address to connect to and, in TLS, to find on the certificate.
        port: of the host.
        authority: as the `host` header has it.
        literal: whether the host is an address already.
    """

    key: str
    secure: bool
    host: str
    port: int
    authority: str
    literal: bool


@final
class Outgoing(NamedTuple):
    """A request, ready to be sent.

    Attributes:
        origin: where it goes.
        key: of the connections that may carry it: the origin, and the addresses it is pinned to.
        addresses: those it is pinned to; none for whatever the name resolves to.
        head: the bytes of its head, with a small body behind it.
        body: the bytes of a large body; none of a small one.
        stream: where the body comes from instead.
        bodiless: whether its answer ends with its head.
        encoded: whether it says itself how its answer may be encoded, and takes it so.
    """

    origin: Origin
    key: tuple[str, tuple[str, ...]]
    addresses: tuple[str, ...]
    head: bytes
    body: bytes
    stream: BodyStream | None
    bodiless: bool
    encoded: bool = False


def outgoing(request: Request) -> Outgoing:
    """The request as it leaves.

    Raises:
        ConfigurationError: the URL is one we do not send to.
        InvalidRequestError: HTTP has no such request.
    """
    method, body, pinned = request.method, request.body, request.address
    origin, target = _parted(request.url)
    if method not in _METHODS and (not _TOKEN.fullmatch(method) or method.upper() == "CONNECT"):
        raise _unsendable(request, "a method that HTTP does not know, or that we do not send")
    lines = [f"{method} {target} HTTP/1.1", f"host: {origin.authority}"]
    encoding = True
    for name, value in request.headers:
        lines.append(f"{name}: {value}")
        known = _known.get(name)
        if known or (known is None and _checked(name, request)):
            encoding = False
        if value != value.strip(" \t"):
            raise _unsendable(request, "a header that begins or ends with a blank")
    if encoding:  # a compressed answer could unfold past any cap; providers' answers are small
        lines.append("accept-encoding: identity")
    size = len(body)
    if size or method in _WITH_BODY:
        lines.append(f"content-length: {size}")
    head = _encoded("\r\n".join(lines) + "\r\n\r\n")
    if head is None or head.translate(None, _TEXT) != b"\r\n" * (len(lines) + 1):
        raise _unsendable(request, "a header with characters that HTTP does not allow")
    addresses = () if pinned is None else _addresses(pinned)
    stream = None
    if isinstance(body, BodyStream):
        stream, body = (body if size else None), b""
    elif size <= JOINED_BYTES_MAX:
        head, body = head + body, b""
    key = (origin.key, addresses)
    return Outgoing(origin, key, addresses, head, body, stream, method == "HEAD", not encoding)


def _parted(url: str) -> tuple[Origin, str]:
    found = _URL.fullmatch(url)
    if found is None:  # which says what is wrong with it
        checked_url(url, key="url")
        raise InvalidRequestError("is not a URL", field="url")
    base, target = found.groups()
    return _origin(base), target if target.startswith("/") else f"/{target}"


@lru_cache(maxsize=1024)
def _addresses(pinned: str | tuple[str, ...]) -> tuple[str, ...]:
    """Those that a request is pinned to: a name, or none at all, would lead it anywhere."""
    addresses = (pinned,) if isinstance(pinned, str) else pinned
    try:
        if addresses and all(ip_address(one) for one in addresses):
            return addresses
    except ValueError:
        pass
    raise InvalidRequestError("is not an IP address, or one or more of them", field="address")


@lru_cache(maxsize=1024)
def _origin(base: str) -> Origin:
    parts = urlsplit(checked_url(base, key="url"))
    host = parts.hostname or ""
    secure = parts.scheme == "https"
    port = parts.port if parts.port is not None else 443 if secure else 80
    try:
        literal = bool(ip_address(host))
    except ValueError:
        literal = False
    return Origin(f"{parts.scheme}://{host}:{port}", secure, host, port, parts.netloc, literal)


def _checked(name: str, request: Request) -> bool:
    """Whether a name that was not seen before is the one for encodings."""
    if not _TOKEN.fullmatch(name):
        raise _unsendable(request, "a header whose name HTTP does not allow")
    lower = name.lower()
    if lower in _OURS:
        raise _unsendable(request, f"{lower}, which the transport sets itself")
    if len(_known) < _NAMES_KEPT:
        _known[name] = lower == "accept-encoding"
    return lower == "accept-encoding"


def _encoded(head: str) -> bytes | None:
    try:
        return head.encode("latin-1")
    except UnicodeEncodeError:  # which quotes the text: it must not follow the error we raise
        return None


def _unsendable(request: Request, what: str) -> InvalidRequestError:
    return InvalidRequestError(f"not sent to {request.shown}: it has {what}")
