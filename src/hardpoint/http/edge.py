"""The edge to httpx2: its errors as ours, its requests from ours; shared by both shells.

httpx2's transports are used without its clients: no cookies, redirects, proxies or environment can
come into play, and a request costs half the CPU.
"""

import ssl
from functools import cache
from time import monotonic
from typing import Any, final

import httpx2

from hardpoint.core.errors import (
    HardpointError,
    InvalidRequestError,
    OutcomeUnknownError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.http.limits import Limits, checked_url
from hardpoint.http.messages import Request, Response
from hardpoint.http.redaction import redacted_url

NOTHING_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
)
UNSENDABLE = (httpx2.InvalidURL, httpx2.LocalProtocolError, UnicodeError)
FAILURES = (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError)
"""All that httpx2 raises for a request; a name that is no host is a `UnicodeError`."""
ENCODING = ("accept-encoding", "identity")
"""A compressed answer could unfold past any cap; providers' answers are small."""


@cache
def tls() -> ssl.SSLContext:
    """The one TLS context: the bundled authorities, TLS 1.2 or later, names checked.

    Making it takes some 30 ms; an event loop does it in a thread.
    """
    context = httpx2.create_ssl_context(verify=True, trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def pool(limits: Limits) -> httpx2.Limits:
    """The pool's size."""
    return httpx2.Limits(
        max_connections=limits.connections,
        max_keepalive_connections=limits.idle_connections,
        keepalive_expiry=limits.idle_seconds,
    )


def outgoing(request: Request, limits: Limits, remaining: float | None) -> httpx2.Request:
    """The request as httpx2 sends it.

    Raises:
        ConfigurationError: the URL is one we do not send to.
        DeadlineTooShortError: no time is left.
    """
    url = httpx2.URL(checked_url(request.url, key="url"))
    headers = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in (*request.headers, ENCODING)
    ]
    extensions: dict[str, Any] = {"timeout": limits.timeouts(request.timeout, remaining)}
    if request.address is not None:  # the name stays: in the header, in TLS, on the certificate
        headers.append((b"host", url.netloc))
        extensions["sni_hostname"] = url.host
        url = url.copy_with(host=request.address)
    return httpx2.Request(
        request.method, url, headers=headers, content=request.body, extensions=extensions
    )


@final
class Body:
    """An answer's body, growing chunk by chunk.

    Args:
        answer: its head.
        request: what it answers.
        limits: of the transport.
        until: when it has to be over, by the monotonic clock.

    Raises:
        UnexpectedResponseError: it is encoded, although we asked it not to be.
    """

    __slots__ = ("_answer", "_data", "_limits", "_request", "_until")

    def __init__(
        self, answer: httpx2.Response, request: Request, limits: Limits, until: float
    ) -> None:
        self._answer = answer
        self._request = request
        self._limits = limits
        self._until = until
        self._data = bytearray()
        encoding = answer.headers.get("content-encoding", "identity")
        if encoding != "identity" and not limits.cut:
            raise _unreadable("is encoded", answer, request)

    def full(self, chunk: bytes) -> bool:
        """Add a chunk; true when no more are wanted.

        Raises:
            UnexpectedResponseError: it is larger than the cap.
            OutcomeUnknownError: it takes too long.
        """
        if monotonic() > self._until:
            raise too_slow(self._request)
        self._data += chunk
        most = self._limits.body_bytes_max
        if len(self._data) <= most:
            return False
        if not self._limits.cut:
            raise _unreadable(f"is larger than {most} bytes", self._answer, self._request)
        del self._data[most:]
        return True

    def response(self) -> Response:
        """The whole answer."""
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in self._answer.headers.raw
        }
        return Response(status=self._answer.status_code, headers=headers, body=bytes(self._data))


def too_slow(request: Request) -> HardpointError:
    """The error for an exchange that takes longer than it may."""
    return OutcomeUnknownError(f"no whole answer in time from {redacted_url(request.url)}")


def _unreadable(problem: str, answer: httpx2.Response, request: Request) -> HardpointError:
    return UnexpectedResponseError(
        f"the answer of {redacted_url(request.url)} {problem}",
        status=answer.status_code,
        outcome_known=False,
    )


def no_answer(error: Exception, request: Request) -> HardpointError:
    """The error for a request that got no whole answer.

    Its cause is the error of httpx2, unless that may quote a header.
    """
    where = redacted_url(request.url)
    kind = type(error).__name__
    if isinstance(error, UNSENDABLE):
        return InvalidRequestError(f"not sent to {where}: {kind}")
    if not isinstance(error, NOTHING_SENT):
        failure: HardpointError = OutcomeUnknownError(f"no answer from {where}: {kind}")
    elif _distrusted(error):
        failure = UnavailableError(f"{where} has no trusted certificate", retryable=False)
    else:
        failure = UnavailableError(f"no connection to {where}: {kind}")
    failure.__cause__ = error
    return failure


def _distrusted(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
