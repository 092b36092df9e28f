"""httpx and httpx2 under a policy, and every SDK that stands on one of them.

    client = httpx.Client(transport=guarded(policy))
    sdk = OpenAI(http_client=httpx2.Client(transport=guarded(hub.guard("openai"))), max_retries=0)

One transport serves blocking and asynchronous clients, of either library. What is repeated:
`hardpoint.calls.guarded`.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import cache
from importlib import import_module
from types import TracebackType
from typing import Any, Final, Self, final

from hardpoint.calls.client_errors import ClientKind
from hardpoint.calls.guarded import GuardedClient
from hardpoint.calls.guarded_connection import GuardedConnection
from hardpoint.calls.guarded_request import GuardedRequest
from hardpoint.core.forks import forget_in_child
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.timeout import remaining

__all__ = ["GuardedTransport", "guarded"]

_AnyTransport: Any = object
"""The base of the transports of two libraries: type checkers take it for that of either."""

BUFFER_BYTES: Final = 8 * 1024 * 1024
"""How much of an answer is read within the attempt, so that a break in it is retried."""

_BAD: Final = 400
_STREAMED: Final = (b"event-stream", b"eventstream", b"ndjson")
"""What the types of streams are called, whose next piece may be long in coming."""
_RETRY_COUNT: Final = b"x-stainless-retry-count"


def guarded(
    policy: Policy[Any] | GuardedConnection,
    transport: Any = None,
    *,
    buffer_bytes: int = BUFFER_BYTES,
) -> "GuardedTransport":
    """A transport that sends every request under a policy.

    Args:
        policy: or what `hub.guard` gives. Its `key=` is asked with the request.
        transport: what sends; the library's own with its defaults, if none is given. Options that a
            client takes for its transport (`verify`, `proxy`, `http2`) belong to it.
        buffer_bytes: how much of an answer's body is read within the attempt. Of a longer one
            nothing after that is retried, nor of a stream of events, nor of a request with
            `extensions={"hardpoint": {"stream": True}}`.

    Raises:
        ConfigurationError: the policy hedges or has a fallback.
    """
    return GuardedTransport(policy, transport, buffer_bytes=buffer_bytes)


@final
class GuardedTransport(_AnyTransport):
    """What `guarded` gives: a transport for clients of httpx and httpx2, blocking or not."""

    def __init__(
        self,
        policy: Policy[Any] | GuardedConnection,
        transport: Any = None,
        *,
        buffer_bytes: int = BUFFER_BYTES,
    ) -> None:
        self._client = GuardedClient(policy)
        self._buffer_bytes = buffer_bytes
        self._given = transport
        self._made: dict[str, Any] = {}
        self._left: list[object] = []
        retries = getattr(getattr(transport, "_pool", None), "_retries", 0)
        if retries:
            self._client.tell_of_retries(
                f"retries={retries} of the transport", "Leave out its `retries`"
            )
        forget_in_child(self)

    def forget(self) -> None:
        """In a forked child: the connections are the parent's, and are not even closed."""
        self._left.append(self._made)
        self._made = {}

    def handle_request(self, request: Any) -> Any:
        """Send a request; called by the client."""
        library = _library_of(request)
        inner = self._inner(library, "HTTPTransport")
        timeouts = request.extensions.get("timeout")

        def send() -> Any:
            if timeouts is not None:
                left = {name: remaining(value) for name, value in timeouts.items()}
                request.extensions = {**request.extensions, "timeout": left}
            response = inner.handle_request(request)
            if self._is_buffered(request, response):
                _read(response, library, self._buffer_bytes)
            return response

        call = self._client.call(self._request(request, library), _kind_of(library))
        return call.finish_blocking(send, _close)

    async def handle_async_request(self, request: Any) -> Any:
        """Send a request; called by the asynchronous client."""
        library = _library_of(request)
        inner = self._inner(library, "AsyncHTTPTransport")

        async def send() -> Any:
            response = await inner.handle_async_request(request)
            if self._is_buffered(request, response):
                await _aread(response, library, self._buffer_bytes)
            return response

        call = self._client.call(self._request(request, library), _kind_of(library))
        return await call.finish(send, _aclose)

    def close(self) -> None:
        """Close what sends, as the client does when it is closed."""
        for one in self._transports("close"):
            one.close()

    async def aclose(self) -> None:
        """The same, for an asynchronous client."""
        for one in self._transports("aclose"):
            await one.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self.aclose()

    def _inner(self, library: Any, name: str) -> Any:
        """What sends: as it was given, or the library's own, made when it is first needed."""
        if self._given is not None:
            return self._given
        made = self._made.get(f"{library.__name__}.{name}")
        if made is None:
            made = self._made.setdefault(f"{library.__name__}.{name}", getattr(library, name)())
        return made

    def _transports(self, closes: str) -> Iterator[Any]:
        every = [self._given] if self._given is not None else [*self._made.values()]
        return (one for one in every if hasattr(one, closes))

    def _request(self, request: Any, library: Any) -> GuardedRequest:
        headers = request.headers
        if _raw(headers).get(_RETRY_COUNT, b"0") != b"0":
            self._client.tell_of_retries("the SDK itself", "Make its client with max_retries=0")
        plain = isinstance(request.stream, library.ByteStream)
        return GuardedRequest(
            native=request,
            method=request.method,
            host=request.url.host,
            headers=headers,
            replayable=plain or _starts_anew(request.stream),
            content=lambda: (str(request.url), b"".join(request.stream) if plain else b""),
        )

    def _is_buffered(self, request: Any, response: Any) -> bool:
        """Whether the body is read within the attempt; that of an error's answer always is."""
        if response.status_code >= _BAD:
            return True
        if request.extensions.get("hardpoint", {}).get("stream"):
            return False
        headers = _raw(response.headers)
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self._buffer_bytes:
            return False
        kind = headers.get(b"content-type") or _raw(request.headers).get(b"accept", b"")
        return not any(word in kind.lower() for word in _STREAMED)


def _raw(headers: Any) -> dict[bytes, bytes]:
    """Headers as they are: to ask `Headers` for one of them decodes all."""
    return {name.lower(): value for name, value in headers.raw}


def _library_of(request: Any) -> Any:
    """`httpx` or `httpx2`, whichever made the request."""
    return _imported(type(request).__module__.partition(".")[0])


@cache
def _imported(name: str) -> Any:
    return import_module(name)


@cache
def _kind_of(library: Any) -> ClientKind:
    return ClientKind(
        base=library.TransportError,
        connection=library.TransportError,
        timeout=library.TimeoutException,
        blank={"_request": None},
    )


def _starts_anew(stream: Any) -> bool:
    """Whether it is a form whose files start anew each time it is sent."""
    fields = getattr(stream, "fields", None)
    if fields is None:
        return False
    files = [one.file for one in fields if hasattr(one, "file")]
    return all(isinstance(one, str | bytes) or _is_seekable(one) for one in files)


def _is_seekable(file: Any) -> bool:
    return hasattr(file, "seekable") and file.seekable()


def _read(response: Any, library: Any, most: int) -> None:
    """Read the body, as far as it may be; it is then there to be read again."""
    chunks: list[bytes] = []
    size = 0
    source = iter(response.stream)
    for chunk in source:
        chunks.append(chunk)
        size += len(chunk)
        if size > most:
            response.stream = _rest_of(library)(chunks, source, response.stream.close)
            return
        if remaining() == 0:
            response.stream.close()
            raise library.ReadTimeout("the answer took longer than its attempt may")
    response.stream.close()
    response.stream = _whole(library, chunks)


async def _aread(response: Any, library: Any, most: int) -> None:
    """The same; the attempt's timer ends what takes too long."""
    chunks: list[bytes] = []
    size = 0
    source = response.stream.__aiter__()
    async for chunk in source:
        chunks.append(chunk)
        size += len(chunk)
        if size > most:
            response.stream = _rest_of(library)(chunks, source, response.stream.aclose)
            return
    await response.stream.aclose()
    response.stream = _whole(library, chunks)


def _whole(library: Any, chunks: list[bytes]) -> Any:
    """A body that was read, in the pieces that it came in: joined, a bomb would unfold at once."""
    if len(chunks) == 1:
        return library.ByteStream(chunks[0])
    return _pieces_of(library)(chunks)


@cache
def _pieces_of(library: Any) -> Any:
    """The class of a body that was read whole."""

    class Pieces(library.SyncByteStream, library.AsyncByteStream):
        def __init__(self, chunks: list[bytes]) -> None:
            self._chunks = chunks

        def __iter__(self) -> Iterator[bytes]:
            return iter(self._chunks)

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for chunk in self._chunks:
                yield chunk

    return Pieces


@cache
def _rest_of(library: Any) -> Any:
    """The class of a body of which the beginning was read."""

    class Rest(library.SyncByteStream, library.AsyncByteStream):
        def __init__(self, read: Iterable[bytes], rest: Any, close: Callable[[], Any]) -> None:
            self._read = read
            self._rest = rest
            self._close = close

        def __iter__(self) -> Iterator[bytes]:
            yield from self._read
            yield from self._rest

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for chunk in self._read:
                yield chunk
            async for chunk in self._rest:
                yield chunk

        def close(self) -> None:
            self._close()

        async def aclose(self) -> None:
            await self._close()

    return Rest


def _close(response: Any) -> None:
    response.stream.close()


async def _aclose(response: Any) -> None:
    await response.stream.aclose()
