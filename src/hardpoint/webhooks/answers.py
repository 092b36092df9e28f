"""What a vendor hears, and the one door through which a request comes in."""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from hardpoint.webhooks.verification import Arrival

RETRY_AFTER_SECONDS = 5


class Answer(msgspec.Struct, frozen=True, kw_only=True, gc=False, eq=False):
    """A complete HTTP answer. Two that say the same are equal, whichever request they are for.

    Attributes:
        status: 200 stored (or stored before), 401 not verified, 413 too large, 503 not now.
        headers: without content-length and the request's id, which the front end adds.
        body: small JSON, or what the vendor's handshake wants.
        request_id: the correlation id of what it answers; empty where there is none.
    """

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", b"application/json"),)
    body: bytes = b""
    request_id: bytes = b""

    def to(self, request_id: str | None) -> "Answer":
        """The same, for the request of this correlation id."""
        given = b"" if request_id is None else request_id.encode()
        if given == self.request_id:
            return self
        return Answer(status=self.status, headers=self.headers, body=self.body, request_id=given)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Answer) and (
            self.status == other.status
            and self.body == other.body
            and self.headers == other.headers
        )

    def __ne__(self, other: object) -> bool:
        return not self == other  # that of a Struct would ask whether they are one object

    def __hash__(self) -> int:
        return hash((self.status, self.body))


STORED = Answer(status=200, body=b'{"status":"stored"}')
UNAUTHORIZED = Answer(status=401, body=b'{"error":"unauthorized"}')
METHOD_NOT_ALLOWED = Answer(
    status=405,
    headers=((b"content-type", b"application/json"), (b"allow", b"POST")),
    body=b'{"error":"method_not_allowed"}',
)
NOT_FOUND = Answer(status=404, body=b'{"error":"not_found"}')
TOO_LARGE = Answer(status=413, body=b'{"error":"too_large"}')
UNAVAILABLE = Answer(
    status=503,
    headers=(
        (b"content-type", b"application/json"),
        (b"retry-after", str(RETRY_AFTER_SECONDS).encode()),
    ),
    body=b'{"error":"unavailable"}',
)


class Receiver(Protocol):
    """Takes requests from any front end; knows no ASGI type. All calls are made in its loop."""

    @property
    def body_bytes_max(self) -> int:
        """The cap on any body, the same for all sources: no answer tells which of them exist."""
        ...

    def submit(
        self,
        source: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        done: Callable[[Answer], None],
        arrival: Arrival | None = None,
    ) -> None:
        """Verify and store one request; never raises.

        Args:
            source: the last segment of the path, as text.
            headers: names in lower case, as received.
            body: whole and raw.
            done: called exactly once, at once or after the commit, in the same loop.
            arrival: how it came, where the front end knows.
        """
        ...

    def greeting(
        self, source: str, headers: Sequence[tuple[bytes, bytes]], arrival: Arrival
    ) -> Answer:
        """The answer to a GET or HEAD, by which some vendors ask whether anybody is there.

        It looks at nothing but the settings, so that any thread may call it.
        """
        ...

    def refused(self, source: str, reason: str) -> None:
        """Count a request that a front end refused itself (`too_large`, `timeout`, ...)."""
        ...
