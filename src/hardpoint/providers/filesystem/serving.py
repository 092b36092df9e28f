"""The server of signed URLs: an ASGI application to mount at `public_url`.

What a URL does not allow gets the one answer 403, whether the object is there or not. Objects may
come from strangers, so a browser is told to run nothing of them.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, final
from urllib.parse import parse_qsl

from hardpoint.core.effects import Clock
from hardpoint.core.errors import (
    ConfigurationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    WebhookError,
)
from hardpoint.providers.filesystem import Filesystem
from hardpoint.providers.filesystem.calls import FolderCalls, ThreadedCalls
from hardpoint.providers.filesystem.signing import UrlSigner
from hardpoint.providers.filesystem.storage import FilesystemStorage
from hardpoint.runtime.clocks import SystemClock
from hardpoint.storage.keys import checked_content_type, checked_key
from hardpoint.storage.types import BYTES, NewObject, ObjectInfo

BODY_BYTES_MAX = 100 * 1024 * 1024
_CHUNK = 256 * 1024
_SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"cache-control", b"private, no-store"),
    (b"referrer-policy", b"no-referrer"),
)

ServedScope = MutableMapping[str, Any]
ServedReceive = Callable[[], Awaitable[MutableMapping[str, Any]]]
ServedSend = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class _GoneError(Exception):
    """The client went away."""


class _TooLargeError(Exception):
    """The client sends more than we take."""


@final
class FileServer:
    """Serves and takes what signed URLs of one folder allow.

    Args:
        settings: the folder's, with `secret` and `public_url`.
        body_bytes_max: the largest object taken.
        calls: does the work; in threads unless another is given.
        clock: tells when a URL has expired.

    Raises:
        ConfigurationError: nothing signs URLs.
    """

    def __init__(
        self,
        settings: Filesystem,
        *,
        body_bytes_max: int = BODY_BYTES_MAX,
        calls: FolderCalls | None = None,
        clock: Clock | None = None,
    ) -> None:
        signer = UrlSigner.of(settings)
        if signer is None:
            raise ConfigurationError("secret", "is missing", fix="Set secret and public_url")
        self._signer = signer
        self._driver = FilesystemStorage(calls or ThreadedCalls(settings), settings)
        self._body_bytes_max = body_bytes_max
        self._clock = clock or SystemClock()

    async def __call__(self, scope: ServedScope, receive: ServedReceive, send: ServedSend) -> None:
        """One request."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise ConfigurationError("public_url", f"{scope['type']} is not served")
        try:
            await self._serve(scope, receive, send)
        except _GoneError:
            return

    async def _serve(self, scope: ServedScope, receive: ServedReceive, send: ServedSend) -> None:
        key, method = _key(scope), str(scope["method"])
        try:
            checked_key(key)
            query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            signed = self._signer.verify(key, method, query, now=self._clock.now())
        except (WebhookError, InvalidRequestError):
            await _answer(send, 403)
            return
        try:
            if method == "PUT":
                await self._put(key, signed, scope, receive)
                await _answer(send, 201)
            elif method == "DELETE":
                await self._driver.delete(key)
                await _answer(send, 204)
            else:
                await self._get(key, send, body=method == "GET")
        except _TooLargeError:
            await _answer(send, 413)
        except InvalidRequestError:
            await _answer(send, 400)
        except NotFoundError:
            await _answer(send, 404)
        except ConflictError:
            await _answer(send, 409)

    async def _get(self, key: str, send: ServedSend, *, body: bool) -> None:
        info = await self._driver.head(key)
        await send({"type": "http.response.start", "status": 200, "headers": _headers(info)})
        sent = 0
        while body and sent < info.size:
            piece = await self._driver.read(key, start=sent, length=_CHUNK, etag=info.etag)
            sent += len(piece.data)
            await send(
                {"type": "http.response.body", "body": piece.data, "more_body": sent < info.size}
            )
        if not body or not info.size:
            await send({"type": "http.response.body", "body": b""})

    async def _put(self, key: str, signed: str, scope: ServedScope, receive: ServedReceive) -> None:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        content_type = headers.get(b"content-type", BYTES)
        if signed and content_type != signed:
            raise InvalidRequestError("is not the one that was signed", field="content_type")
        if int(headers.get(b"content-length", "0")) > self._body_bytes_max:
            raise _TooLargeError
        new = NewObject(key=key, content_type=checked_content_type(content_type))
        upload = await self._driver.start_upload(new)
        try:
            size = await self._take(new, upload, receive)
            await self._driver.finish_upload(new, upload, (), size)
        finally:
            await self._driver.abort_upload(new, upload)

    async def _take(self, new: NewObject, upload: str, receive: ServedReceive) -> int:
        """Write down what comes; how much it was."""
        written, waiting, more = 0, bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _GoneError
            waiting += message.get("body", b"")
            more = message.get("more_body", False)
            if written + len(waiting) > self._body_bytes_max:
                raise _TooLargeError
            if len(waiting) >= _CHUNK or not more:
                await self._driver.upload_piece(new, upload, 1, written, bytes(waiting))
                written += len(waiting)
                waiting.clear()
        return written


def _key(scope: ServedScope) -> str:
    """The path below where it is mounted."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root).removeprefix("/")


def _headers(info: ObjectInfo) -> list[tuple[bytes, bytes]]:
    return [
        (b"content-type", (info.content_type or BYTES).encode("latin-1")),
        (b"content-length", str(info.size).encode()),
        (b"etag", f'"{info.etag}"'.encode()),
        *_SAFE,
    ]


async def _answer(send: ServedSend, status: int) -> None:
    headers = [(b"content-length", b"0"), *_SAFE]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _lifespan(receive: ServedReceive, send: ServedSend) -> None:
    """There is nothing to open or to close."""
    for step in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{step}.complete"})
