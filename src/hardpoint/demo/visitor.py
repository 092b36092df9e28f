"""Whoever comes to the shop over HTTP: customers, and people with bad intentions."""

import json
from collections.abc import Sequence
from typing import Any, final

from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.limits import Limits
from hardpoint.http.messages import Request, Response

SECONDS = 10.0
_BOUNDARY = "hardpoint-demo"


@final
class Visitor:
    """Sends requests, and takes answers as they are."""

    def __init__(self) -> None:
        self._transport = AsyncTransport(Limits(timeout=SECONDS))

    async def get(self, url: str) -> Response:
        """Fetch what is there."""
        return await self._transport.send(Request(method="GET", url=url))

    async def send(self, method: str, url: str, content: dict[str, Any]) -> Response:
        """Send JSON."""
        kind = ("content-type", "application/json")
        return await self.send_bytes(method, url, json.dumps(content).encode(), (kind,))

    async def send_file(self, url: str, name: str, content: bytes) -> Response:
        """Put a file as the field `file` of a form."""
        head = (
            f"--{_BOUNDARY}\r\n"
            f'content-disposition: form-data; name="file"; filename="{name}"\r\n'
            "content-type: application/octet-stream\r\n\r\n"
        )
        body = head.encode() + content + f"\r\n--{_BOUNDARY}--\r\n".encode()
        kind = ("content-type", f"multipart/form-data; boundary={_BOUNDARY}")
        return await self.send_bytes("PUT", url, body, (kind,))

    async def send_bytes(
        self, method: str, url: str, body: bytes, headers: Sequence[tuple[str, str]]
    ) -> Response:
        """Send bytes as they are."""
        request = Request(method=method, url=url, headers=headers, body=body)
        return await self._transport.send(request)

    async def close(self) -> None:
        """Hang up."""
        await self._transport.close()
