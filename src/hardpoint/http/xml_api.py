"""A provider's API that answers in XML, and whose requests are signed one by one.

    self._api = XmlApi(transport, signer, ERRORS, clock)
    reply = await self._api.send("POST", url, body=body)
    name = self._api.document(reply, "CreateResult").text("Name")

A refusal, `<Error><Code/><Message/></Error>`, becomes the error that the table has for its code. A
success that cannot be read is an `UnexpectedResponseError` whose outcome is unknown. Documents are
read without namespaces, and without what XML can do to its readers.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol, final
from urllib.parse import quote, urlencode

from hardpoint.core.effects import Clock
from hardpoint.core.errors import AuthenticationError, ProviderError
from hardpoint.http.client import USER_AGENT
from hardpoint.http.errors import ErrorTable, Problem
from hardpoint.http.messages import Request, Response, StreamedResponse, StreamingTransport

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET

_REFUSAL_BYTES = 64 * 1024
"""Room for a refusal in place of what was asked for."""


class XmlUnreadableError(Exception):
    """The document is not one that its reader knows."""


@final
class XmlDocument:
    """A document's root, and what it holds."""

    def __init__(self, root: "ET.Element") -> None:
        self._root = root
        self.name = _local(root)

    @classmethod
    def read(cls, body: bytes) -> "XmlDocument":
        """Parse one.

        Raises:
            XmlUnreadableError: no XML, or one that declares types: entities could unfold past any
                cap.
        """
        if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
            raise XmlUnreadableError
        from xml.etree import ElementTree as ET  # 20 ms, spent by those who read a document

        try:
            return cls(ET.fromstring(body))  # noqa: S314 - nothing can be declared
        except (ET.ParseError, ValueError, LookupError) as error:
            raise XmlUnreadableError from error

    def text(self, name: str) -> str:
        """The text of a child without the blanks around it, empty where there is none."""
        return self.whole(name).strip()

    def whole(self, name: str) -> str:
        """The text of a child as it stands: a name may begin with a blank."""
        for child in self._root:
            if _local(child) == name:
                return child.text or ""
        return ""

    def each(self, name: str) -> Iterator["XmlDocument"]:
        """The children of that name."""
        for child in self._root:
            if _local(child) == name:
                yield XmlDocument(child)


class RequestSigner(Protocol):
    """Proves who sends a request."""

    async def headers(
        self,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        *,
        now: float,
    ) -> tuple[tuple[str, str], ...]:
        """A request's headers, in small letters, with those that prove who sends it.

        Args:
            method: `PUT`.
            url: as it is sent.
            headers: in small letters, each name once.
            body: the bytes.
            now: Unix seconds.

        Raises:
            HardpointError: there are no credentials; nothing was sent.
        """
        ...

    async def rejected(self, code: str | None) -> None:
        """The provider did not accept the latest credentials; its code says why."""
        ...

    def secrets(self) -> Sequence[str]:
        """What must not be shown if the provider quotes it."""
        ...


@final
class XmlApi:
    """One account's API.

    Args:
        transport: how requests are sent.
        signer: proves who sends them.
        errors: the provider's table.
        clock: its time is signed.
    """

    def __init__(
        self,
        transport: StreamingTransport,
        signer: RequestSigner,
        errors: ErrorTable,
        clock: Clock,
    ) -> None:
        self._transport = transport
        self._signer = signer
        self._errors = errors
        self._clock = clock

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

        Args:
            method: `PUT`.
            url: whole, without a query.
            query: names and values, not yet encoded.
            headers: in small letters, each name once.
            body: the bytes.

        Raises:
            ProviderError: as the table has it.
        """
        request = await self._request(method, url, query, headers, body)
        reply = await self._transport.send(request)
        if 200 <= reply.status < 300:
            return reply
        raise await self._rejected(reply)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        query: Sequence[tuple[str, str]],
        headers: Sequence[tuple[str, str]],
        bytes_max: int,
    ) -> AsyncGenerator[StreamedResponse]:
        """The same; the answer as it comes, `bytes_max` at most.

        Raises:
            ProviderError: as the table has it.
        """
        request = await self._request(method, url, query, headers, b"")
        room = max(bytes_max, _REFUSAL_BYTES)
        async with self._transport.stream(request, bytes_max=room) as reply:
            if 200 <= reply.status < 300:
                yield reply
                return
            body = b"".join([some async for some in reply])
        whole = Response(status=reply.status, headers=reply.headers, body=body)
        raise await self._rejected(whole)

    def document(self, reply: Response, name: str) -> XmlDocument:
        """The document that an answer has to be.

        A 200 may carry a refusal all the same, where the provider began to answer before it was
        done.

        Raises:
            ProviderError: it is a refusal, or nothing we know.
        """
        try:
            document = XmlDocument.read(reply.body)
        except XmlUnreadableError as error:
            raise self.unexpected(reply) from error
        if document.name == "Error":
            raise self._refused(500, reply)
        if document.name != name:
            raise self.unexpected(reply)
        return document

    def unexpected(self, reply: Response) -> ProviderError:
        """The error for an answer in no shape we know."""
        return self._errors.unreadable(reply)

    async def _request(
        self,
        method: str,
        url: str,
        query: Sequence[tuple[str, str]],
        headers: Sequence[tuple[str, str]],
        body: bytes,
    ) -> Request:
        if query:
            url = f"{url}?{urlencode(query, quote_via=quote, safe='')}"
        signed = await self._signer.headers(method, url, headers, body, now=self._clock.now())
        return Request(
            method=method, url=url, headers=(("user-agent", USER_AGENT), *signed), body=body
        )

    async def _rejected(self, reply: Response) -> ProviderError:
        error = self._refused(reply.status, reply)
        if isinstance(error, AuthenticationError):
            await self._signer.rejected(error.vendor_code)
        return error

    def _refused(self, status: int, reply: Response) -> ProviderError:
        problem = Problem(status=status)
        try:
            document = XmlDocument.read(reply.body)
        except XmlUnreadableError:
            pass
        else:
            code, message = document.text("Code") or None, document.text("Message")
            problem = Problem(status=status, code=code, message=message)
        return self._errors.refusal(reply, problem, self._signer.secrets())


def _local(element: "ET.Element") -> str:
    return element.tag.rpartition("}")[2]
