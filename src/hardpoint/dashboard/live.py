"""Pages that stay fresh: a stream of what has changed on them, for as long as one looks.

A stream looks again every second and sends what differs from what it sent before. It ends by itself
after half a minute and the browser asks anew: so who was signed out sees no more, and a server that
stops waits for nobody.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from hardpoint.core.errors import HardpointError
from hardpoint.dashboard.visits import Desk, Visit, route
from hardpoint.service.streams import CountedStream

STREAMS_MAX: Final = 32
STREAM_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 1.0
_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}

Fresh = Callable[[Visit], Awaitable[str]]
"""What a page shows now, as the parts that are to be put in their places."""


def live_route(desk: Desk, path: str, fresh: Fresh) -> Route:
    """A stream at its path."""
    open_streams = 0

    async def frames(visit: Visit) -> AsyncGenerator[str]:
        loop, before = asyncio.get_running_loop(), ""
        until = loop.time() + STREAM_SECONDS
        while loop.time() < until:
            try:
                now = await fresh(visit)
            except HardpointError:  # its page says so; the next look may find more
                now = before
            yield ":\n\n" if now == before else frame(now)
            before = now
            await asyncio.sleep(LOOK_SECONDS)

    def ended() -> None:
        nonlocal open_streams
        open_streams -= 1

    async def stream(visit: Visit) -> Response:
        nonlocal open_streams
        if open_streams >= STREAMS_MAX:
            return PlainTextResponse("too many pages are watched at once\n", 429)
        open_streams += 1
        return CountedStream(frames(visit), _HEADERS, "text/event-stream", ended)

    return route(desk, path, stream)


def frame(data: str) -> str:
    """One message of the stream."""
    lines = data.replace("\r", "").split("\n")
    return "".join(f"data: {one}\n" for one in lines) + "\n"
