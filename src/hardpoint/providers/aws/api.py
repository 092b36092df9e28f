"""S3's conventions: every request signed, errors as XML, of an object's key only the path."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import final
from urllib.parse import quote, urlencode, urlsplit

from hardpoint.core.effects import Clock
from hardpoint.core.errors import ProviderError
from hardpoint.http.client import USER_AGENT
from hardpoint.http.errors import Problem
from hardpoint.http.messages import Request, Response, StreamedResponse, StreamingTransport
from hardpoint.http.sigv4 import SigV4Signer
from hardpoint.providers.aws import S3, wire
from hardpoint.providers.aws.errors import ERRORS

_ERROR_BYTES = 64 * 1024
"""Room for an error in place of what was asked for."""


@final
class S3Api:
    """One bucket's requests."""

    def __init__(self, transport: StreamingTransport, settings: S3, clock: Clock) -> None:
        self._transport = transport
        self._settings = settings
        self._clock = clock
        self._base = settings.base_url
        self.signer = SigV4Signer(
            access_key_id=settings.access_key_id,
            secret_access_key=settings.secret_access_key,
            session_token=settings.session_token,
            region=settings.region,
            service="s3",
            path_as_sent=True,
        )

    @property
    def bucket_url(self) -> str:
        """Where the bucket itself is asked."""
        return self._base if urlsplit(self._base).path else f"{self._base}/"

    def url(self, key: str) -> str:
        """Where an object is."""
        return f"{self._base}/{encoded(key)}"

    async def send(
        self,
        method: str,
        url: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Response:
        """Send one request; its answer, if it is a good one.

        Raises:
            ProviderError: as the table of errors has it.
        """
        reply = await self._transport.send(self._request(method, url, query, headers, body))
        if 200 <= reply.status < 300:
            return reply
        raise self._error(reply.status, reply)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        query: Sequence[tuple[str, str]],
        headers: Sequence[tuple[str, str]],
        *,
        bytes_max: int,
    ) -> AsyncGenerator[StreamedResponse]:
        """Send one request; its answer as it comes, if it is a good one.

        Raises:
            ProviderError: as the table of errors has it.
        """
        request = self._request(method, url, query, headers, b"")
        async with self._transport.stream(request, bytes_max=max(bytes_max, _ERROR_BYTES)) as reply:
            if 200 <= reply.status < 300:
                yield reply
                return
            body = b"".join([some async for some in reply])
        whole = Response(status=reply.status, headers=reply.headers, body=body)
        raise self._error(reply.status, whole)

    def document(self, reply: Response, name: str) -> wire.Document:
        """The document that an answer has to be.

        A 200 may carry an error all the same, where the vendor began to answer before it was done
        (CopyObject, CompleteMultipartUpload).

        Raises:
            ProviderError: it is an error, or nothing we know.
        """
        try:
            document = wire.Document.read(reply.body)
        except wire.UnreadableError as error:
            raise self.unexpected(reply) from error
        if document.name == "Error":
            raise self._error(500, reply)
        if document.name != name:
            raise self.unexpected(reply)
        return document

    def unexpected(self, reply: Response) -> ProviderError:
        """The error for an answer in no shape we know."""
        return ERRORS.unreadable(reply)

    def _request(
        self,
        method: str,
        url: str,
        query: Sequence[tuple[str, str]],
        headers: Sequence[tuple[str, str]],
        body: bytes,
    ) -> Request:
        if query:
            url = f"{url}?{urlencode(query, quote_via=quote, safe='')}"
        signed = self.signer.headers(method, url, headers, body, now=self._clock.now())
        return Request(
            method=method, url=url, headers=(("user-agent", USER_AGENT), *signed), body=body
        )

    def _error(self, status: int, reply: Response) -> ProviderError:
        problem = Problem(status=status)
        try:
            document = wire.Document.read(reply.body)
        except wire.UnreadableError:
            pass
        else:
            code, message = document.text("Code") or None, document.text("Message")
            problem = Problem(status=status, code=code, message=message)
        return ERRORS.refusal(reply, problem, self._secrets())

    def _secrets(self) -> Sequence[str]:
        settings = self._settings
        known = (settings.secret_access_key, settings.session_token)
        return [one.reveal() for one in known if one is not None]


def encoded(key: str) -> str:
    """A key as it stands in a path."""
    return quote(key, safe="/-_.~")
