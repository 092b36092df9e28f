"""Fetching from an address that a message named: a certificate, a key, a page, a callback.

Whoever wrote the message may want us to ask our own network. So only https on its usual port, every
address that the name resolves to must be public, the connection goes to the one that was checked
(a second answer of the name server cannot change it), and no redirect leads elsewhere.
"""

import ipaddress
from collections.abc import Callable, Sequence
from typing import Protocol, final
from urllib.parse import urlsplit

from msgspec.structs import replace

from hardpoint.core.errors import ConfigurationError, InvalidRequestError, UnavailableError
from hardpoint.http.limits import Limits, checked_url
from hardpoint.http.messages import Request, Response, Transport
from hardpoint.http.wire.names import ResolvedAddress, look_up, look_up_blocking
from hardpoint.resilience.timeout import remaining

UNTRUSTED = Limits(
    timeout=5.0,
    exchange=10.0,
    connect_timeout=3.0,
    body_bytes_max=256 * 1024,
    idle_connections=0,
)
"""For the transport that is handed to `Untrusted`."""

LOOK_UP_SECONDS = 3.0
"""How long the name server may take, and no longer than the deadline leaves."""

_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # IPv4 behind NAT64 (RFC 6052)
_UNICAST = ipaddress.ip_network("2000::/3")  # all of IPv6 that is given out
_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
            *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
            *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
        ),
    )
)
"""From IANA's registries of special-purpose addresses, read 2026-11-30: ours, since each version of
Python knows others. Tunnels (6to4, Teredo) lead wherever who wrote the address likes."""


class Resolve(Protocol):
    """Looks a name up: an effect."""

    async def __call__(self, host: str) -> Sequence[str]:
        """Every address it has, IPv4 and IPv6.

        Raises:
            OSError: it has none.
        """
        ...


@final
class Untrusted:
    """Fetches what a message points to.

    Args:
        transport: made with the limits `UNTRUSTED`.
        resolve: `resolve_async`, or `resolve_blocking`.
        permit: which addresses may be asked.
        plain: whether http and other ports will do; for tests on loopback.
    """

    def __init__(
        self,
        transport: Transport,
        resolve: Resolve,
        *,
        permit: Callable[[str], bool] | None = None,
        plain: bool = False,
    ) -> None:
        self._transport = transport
        self._resolve = resolve
        self._permit = permit or is_public
        self._plain = plain

    async def get(self, url: str) -> Response:
        """Fetch it; see `send`."""
        return await self.send(Request(method="GET", url=url))

    async def send(self, request: Request) -> Response:
        """Send a request to an address that a message named.

        Raises:
            InvalidRequestError: we do not go there; nothing was sent.
            UnavailableError: the name resolves to nothing, or see `Transport.send`.
        """
        host = self._host(request.url)
        try:
            addresses = await self._resolve(host)
        except (OSError, UnicodeError) as error:
            raise UnavailableError(f"{host} resolves to nothing") from error
        if not addresses or not all(self._permit(one) for one in addresses):
            raise InvalidRequestError(f"{host} is not a public address", field="url")
        return await self._transport.send(replace(request, address=tuple(addresses)))

    def _host(self, url: str) -> str:
        try:
            parts = urlsplit(checked_url(url, key="url"))
        except ConfigurationError as error:
            raise InvalidRequestError(error.problem, field="url") from None
        if not self._plain and (parts.scheme != "https" or parts.port not in {None, 443}):
            raise InvalidRequestError("is not https on its usual port", field="url")
        return parts.hostname or ""


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet, and to nobody's inner network."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped
        if found in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
        if inner is not None:
            found = inner
        elif found.scope_id is not None or found not in _UNICAST:
            return False
    return not any(found in one for one in _NOT_PUBLIC)


async def resolve_async(host: str) -> Sequence[str]:
    """Without blocking the event loop, within `LOOK_UP_SECONDS` and the running call's deadline."""
    return _addresses(await look_up(host, 443, remaining(LOOK_UP_SECONDS), trusted=False))


async def resolve_blocking(host: str) -> Sequence[str]:
    """Blocking this thread as long; never suspends."""
    return _addresses(look_up_blocking(host, 443, remaining(LOOK_UP_SECONDS), trusted=False))


def _addresses(found: Sequence[ResolvedAddress]) -> list[str]:
    return list(dict.fromkeys(str(one[4][0]) for one in found))
