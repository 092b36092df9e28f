"""The configured sources, and the ones that are not: nobody can tell them apart from outside."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, final

import msgspec

from hardpoint.core.errors import SignatureMismatchError, StaleTimestampError, WebhookError
from hardpoint.webhooks.fetched_keys import KeySource
from hardpoint.webhooks.handshakes import Handshake
from hardpoint.webhooks.verification import BODY_BYTES_MAX, Reply, Verified, WebhookRequest

UNKNOWN_SOURCE = "(unknown)"
"""Requests to sources that do not exist are counted together: their names are the caller's."""


class Verifier(Protocol):
    """What the inbox asks of a `Scheme`."""

    stored_headers: frozenset[bytes]
    refusal_us: float

    def verify(self, request: WebhookRequest, *, now: float) -> Verified:
        """See `Scheme`."""
        ...

    def decoy(self, *, now: float) -> Sequence[tuple[bytes, bytes]]:
        """See `Scheme`."""
        ...


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A configured source of webhooks, its keys prepared.

    Attributes:
        keys: where its vendor publishes the keys, if it does.
        unsigned: whom it takes requests from, if nothing proves who sent them.
        handshake: what its vendor asks at first, where that is configured.
    """

    name: str
    scheme: Verifier
    body_bytes_max: int
    keys: KeySource[Any] | None = None
    unsigned: str | None = None
    handshake: Handshake | None = None

    def greeting(self, request: WebhookRequest) -> Reply | None:
        """The answer to a request that can be nothing but a handshake; None where it is none."""
        if self.handshake is None:
            return None
        return self.handshake.early(request, frozenset())


@final
class Sources:
    """All sources of one configuration.

    Attributes:
        body_bytes_max: the largest body that any of them takes, and so the cap before one knows who
            sends it.
    """

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        caps = [one.body_bytes_max for one in sources.values()]
        self.body_bytes_max = max(caps, default=BODY_BYTES_MAX)
        # A decoy for keys that are fetched would have them fetched, or use up what may be checked.
        schemes = [one.scheme for one in sources.values() if one.keys is None]
        self._dearest = max(schemes, key=lambda one: one.refusal_us, default=None)

    def __contains__(self, name: str) -> bool:
        return name in self._sources

    def __getitem__(self, name: str) -> Source:
        """The source; one whose requests never verify where there is none."""
        return self._sources.get(name, _NOBODY)

    def refuse(self, source: Source, error: WebhookError, body: bytes, now: float) -> None:
        """Do the work by which this refusal is less than the dearest one.

        So the time of an answer tells nothing. The body is hashed once in any case: in `verify`, or
        here.
        """
        dearest = self._dearest
        if dearest is None or isinstance(error, StaleTimestampError):
            return  # there is nothing to hide, or nothing from who can sign
        compared = isinstance(error, SignatureMismatchError)
        # One that costs half as much is let be: a whole decoy on top would stand out as well.
        if not compared or 2 * source.scheme.refusal_us < dearest.refusal_us:
            headers = dearest.decoy(now=now)
            forged = WebhookRequest.raw("POST", "", headers, b"" if compared else body)
            with suppress(Exception):  # it is refused; a defect shows where it matters
                dearest.verify(forged, now=now)


class UnknownSourceError(WebhookError):
    """There is no such source."""

    reason = "unknown_source"


@final
class NoRequests:
    """The scheme of sources that take no requests, or do not exist: nothing verifies.

    Args:
        stored_headers: what is kept of what comes by other ways.
    """

    refusal_us = 0.0

    def __init__(self, stored_headers: frozenset[bytes] = frozenset()) -> None:
        self.stored_headers = stored_headers

    def verify(self, request: WebhookRequest, *, now: float) -> Verified:
        """It is not believed."""
        raise UnknownSourceError

    def decoy(self, *, now: float) -> Sequence[tuple[bytes, bytes]]:
        """None."""
        return ()


_NOBODY = Source(name=UNKNOWN_SOURCE, scheme=NoRequests(), body_bytes_max=BODY_BYTES_MAX)
