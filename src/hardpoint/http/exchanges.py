"""What goes over the wire in an attempt, for whoever tells of it: never a body, never a secret."""

from collections.abc import Sequence
from contextvars import ContextVar
from typing import final
from urllib.parse import urlsplit

from hardpoint.http.messages import Request, Response, StreamedResponse


@final
class SeenExchange:
    """One request and its answer, as far as they have come. A later one takes the earlier's place.

    Attributes:
        host: whom it is for, where no more of the address may be shown.
        method: `POST`; None before anything was sent.
        status: of the answer; None while there is none.
        headers: of the answer, as they came.
    """

    __slots__ = ("headers", "host", "method", "request", "status")

    def __init__(self, method: str | None = None, *, host: str | None = None) -> None:
        self.method = method
        self.host = host
        self.request: Request | None = None
        self.status: int | None = None
        self.headers: Sequence[tuple[bytes, bytes]] = ()

    @property
    def url(self) -> str | None:
        """Without user-info, query and what else is secret of it."""
        return None if self.request is None else self.request.shown

    def sent(self, request: Request) -> None:
        """A request leaves."""
        self.request, self.method = request, request.method
        self.status, self.headers = None, ()

    def answered(self, response: Response | StreamedResponse) -> None:
        """Its answer has come."""
        self.status, self.headers = response.status, response.headers.pairs

    def facts(self, status: int | None) -> dict[str, str | int | None]:
        """The same by the names of OpenTelemetry's conventions for HTTP clients."""
        facts: dict[str, str | int | None] = {
            "http.request.method": self.method,
            "http.response.status_code": status,
            "server.address": self.host,
        }
        if (url := self.url) is not None:
            parts = urlsplit(url)
            facts["server.address"] = parts.hostname
            facts["server.port"] = parts.port or (443 if parts.scheme == "https" else 80)
            facts["url.full"] = url
        return facts


exchange: ContextVar[SeenExchange | None] = ContextVar("exchange", default=None)
"""What the attempt under way sends, where somebody wants to know."""
