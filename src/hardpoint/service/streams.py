"""Answers without end, of which a listener has only so many at a time."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import final

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


@final
class CountedStream(StreamingResponse):
    """A stream that says when it has ended, also where nobody took its first part.

    It is counted when it is made: many may ask before the first of them is answered.

    Args:
        parts: what is sent.
        headers: of the answer.
        kind: its content type.
        ended: called once.
    """

    def __init__(
        self,
        parts: AsyncIterator[str] | AsyncIterator[bytes],
        headers: Mapping[str, str],
        kind: str,
        ended: Callable[[], None],
    ) -> None:
        super().__init__(parts, 200, headers, kind)
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._ended()
