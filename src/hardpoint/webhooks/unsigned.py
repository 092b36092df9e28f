"""A source that proves nothing: whoever reaches it may post. Said in configuration, never assumed.

What is left is where a request comes from, and dedupe by the bytes of its body.
"""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final, cast, final

from hardpoint.core.errors import ConfigurationError, WebhookError
from hardpoint.webhooks.event_facts import DEFAULT_TYPE, EventFacts
from hardpoint.webhooks.handshakes import Handshake
from hardpoint.webhooks.schemes import CONTENT_HEADERS, OneEventScheme
from hardpoint.webhooks.verification import Coverage, Replay, WebhookRequest

NETWORKS_MAX = 256
FORWARDED_MAX = 32
UNIX: Final = "unix"
"""Among the proxies: one that connects through a Unix socket."""

_FORWARDED: Final = b"x-forwarded-for"
_Networks = tuple[IPv4Network | IPv6Network, ...]


class ForeignAddressError(WebhookError):
    """The request does not come from where the vendor sends from; see `addresses` of its source."""

    reason = "foreign_address"


@final
class UnsignedWebhooks(OneEventScheme):
    """Takes requests that nobody signs, from some addresses or from all.

    Args:
        addresses: the networks that the vendor sends from, `203.0.113.0/24`.
        allow_anyone: take them from anywhere; instead of `addresses`.
        proxies: networks of your own proxies, whose `X-Forwarded-For` is believed; `unix` is one
            that connects through a Unix socket.
        type_from: where an event's type stands, a pointer or `header:NAME`.
        items: a pointer to the list of events, where a request tells of several.
        handshake: what the vendor asks at first; see `Handshake`.

    Raises:
        ConfigurationError: neither addresses nor the word for all, or one that is none.

    Attributes:
        taken_from: for people: the networks, or `anyone`.
    """

    covers = Coverage.NONE
    replay = Replay.NONE
    signature_headers = frozenset[bytes]()
    refusal_us = 0.0

    def __init__(
        self,
        *,
        addresses: Sequence[str] = (),
        allow_anyone: bool = False,
        proxies: Sequence[str] = (),
        type_from: str = DEFAULT_TYPE,
        items: str | None = None,
        handshake: object = None,
    ) -> None:
        if not isinstance(allow_anyone, bool):  # pyright: ignore[reportUnnecessaryIsInstance] - of a file
            raise ConfigurationError("allow_anyone", "is neither true nor false")
        self._networks = _networks("addresses", addresses)
        if bool(self._networks) == allow_anyone:
            raise ConfigurationError(
                "addresses",
                "are named, and so is everybody" if allow_anyone else "are missing",
                fix="Name the vendor's networks; or write allow_anyone = true, and mean it",
            )
        listed = _listed(proxies)
        self._unix = UNIX in listed
        self._proxies = _networks("proxies", [one for one in listed if one != UNIX])
        # No id: it would be whatever the sender likes.
        self.facts = EventFacts(None, type_from, items=items, body_signed=False)
        if handshake is not None:
            self.handshake = Handshake(handshake, signs=False)
        self.stored_headers = CONTENT_HEADERS | self.facts.headers
        self.taken_from = ", ".join(map(str, self._networks)) or "anyone"

    def authenticate(self, request: WebhookRequest, *, now: float) -> tuple[int, None, None]:
        """See that it comes from where it may; nothing else is known of it."""
        del now
        if self._networks and not _within(self._client(request), self._networks):
            raise ForeignAddressError
        return 0, None, None

    def sign(
        self, body: bytes, *, now: float, event_id: str, event_type: str
    ) -> Sequence[tuple[str, str]]:
        """Nothing but the header of the type, if it has one."""
        del body, now
        return self.facts.written(event_id, event_type)

    def decoy(self, *, now: float) -> Sequence[tuple[bytes, bytes]]:
        """See `Scheme`; a refusal costs nothing that one could measure."""
        return []

    def _client(self, request: WebhookRequest) -> str:
        """Who sent it: the peer, or behind proxies of ours the last that they have not added."""
        client = request.arrival.peer
        trusted = _within(client, self._proxies) if client else self._unix
        if not trusted:
            return client
        lines = [value for name, value in request.headers if name == _FORWARDED]
        hops = b",".join(lines).decode("latin-1").split(",")[-FORWARDED_MAX:]
        for hop in reversed(hops):
            client = hop.strip()
            if not _within(client, self._proxies):
                break
        return client


def _networks(key: str, given: object) -> _Networks:
    listed = _listed(given)
    if len(listed) > NETWORKS_MAX:
        raise ConfigurationError(key, f"are more than {NETWORKS_MAX}")
    networks: list[IPv4Network | IPv6Network] = []
    for number, one in enumerate(listed):
        try:
            networks.append(ip_network(one if isinstance(one, str) else "", strict=True))
        except ValueError:
            raise ConfigurationError(
                f"{key}[{number}]", f"is {one!r}", fix="Write a network: 203.0.113.0/24"
            ) from None
    return tuple(networks)


def _listed(given: object) -> list[object]:
    return list(cast("list[object]", given)) if isinstance(given, list | tuple) else [given]


def _within(address: str, networks: _Networks) -> bool:
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None) or found
    return any(mapped in network for network in networks)
