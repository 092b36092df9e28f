"""What operators see and do at the admin listener: health, metrics, calls, circuits, a live feed.

Where others than this machine reach the listener, all of it wants the token: that of `[admin]`, or
of `HARDPOINT_ADMIN_TOKEN`. On loopback only what acts (opening and closing a circuit) does, where
there is one; and it wants JSON, which no page of another origin may send unasked.
"""

import asyncio
import hmac
import os
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, Final, Literal, final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import ConfigurationError
from hardpoint.hub.hub import Hub
from hardpoint.hub.operators import TOKEN_CHARACTERS_MIN
from hardpoint.hub.settings import Settings
from hardpoint.service.streams import CountedStream

TOKEN: Final = "HARDPOINT_ADMIN_TOKEN"  # noqa: S105 - the name of a variable
FOLLOWERS_MAX: Final = 16
QUEUE_MAX: Final = 1000
"""Records that wait for a slow reader; what comes beyond is dropped, and counted."""
BODY_BYTES_MAX: Final = 4096
HEARTBEAT_SECONDS: Final = 10.0
REASON_MAX: Final = 200
_FIX: Final = f"Send the token of [admin], or {TOKEN}, as a bearer token"
_COUNT: Final = re.compile(r"[0-9]{1,4}", re.ASCII)
Endpoint = Callable[[Request], Awaitable[Response]]
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def admin_token(settings: Settings) -> str:
    """The token of a server's admin listener; empty where nobody has set one.

    Raises:
        ConfigurationError: it cannot be read, or is empty.
    """
    secret = settings.admin_token
    if secret is None:
        return os.environ.get(TOKEN, "")
    try:
        return secret.reveal()
    except ConfigurationError as error:
        raise ConfigurationError(
            "admin.token", f"{secret.reference} {error.problem}", fix=error.fix
        ) from None


class BreakerOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to become of a circuit."""

    action: Literal["open", "close"]
    reason: str = "by order"


@final
class AdminOperations:
    """The routes.

    Args:
        hub: whose.
        alone: only this machine reaches the listener.
    """

    def __init__(self, hub: Hub, *, alone: bool = True) -> None:
        self._hub = hub
        self._alone = alone
        self._seen = hub.observation
        self._followers = 0

    def routes(self) -> list[Route]:
        """For the admin application."""
        looks = {
            "/health": self._health,
            "/metrics": self._metrics,
            "/calls": self._calls,
            "/calls/{id}": self._call,
            "/breakers": self._breakers,
            "/tail": self._tail,
        }
        acts = Route("/breakers/{name}", self._known(self._steer, acts=True), methods=["POST"])
        return [
            *(Route(path, self._known(one), methods=["GET"]) for path, one in looks.items()),
            acts,
        ]

    def _known(self, endpoint: Endpoint, *, acts: bool = False) -> Endpoint:
        """The same, for those who may."""

        async def guarded(request: Request) -> Response:
            if (acts or not self._alone) and not self._may(request):
                return _json(403, {"error": "token_refused", "fix": _FIX})
            return await endpoint(request)

        return guarded

    async def _health(self, _request: Request) -> Response:
        return _json(200, await self._seen.report())

    async def _metrics(self, _request: Request) -> Response:
        try:
            status, kind, body = await self._seen.metrics_page()
        except ConfigurationError as error:
            return _json(501, {"error": "not_installed", "fix": error.fix})
        return Response(body, status, _HEADERS, kind)

    async def _calls(self, request: Request) -> Response:
        asked = request.query_params
        limit = asked.get("limit", "50")
        if not (_COUNT.fullmatch(limit) and 0 < int(limit) <= 1000):
            return _json(400, {"error": "limit is from 1 to 1000"})
        calls = self._seen.recorder.calls(
            connection=asked.get("connection"), failed=asked.get("failed") == "1", limit=int(limit)
        )
        return _json(200, {"pid": os.getpid(), "calls": calls})

    async def _call(self, request: Request) -> Response:
        found = self._seen.recorder.call(request.path_params["id"])
        return _json(404, {"error": "not_found"}) if found is None else _json(200, found)

    async def _breakers(self, _request: Request) -> Response:
        return _json(200, self._states())

    def _states(self) -> Mapping[str, Any]:
        states = {name: self._circuits(name) for name in self._hub.settings.connections}
        return {"pid": os.getpid(), "breakers": states}

    def _circuits(self, name: str) -> Mapping[str, str]:
        policy = self._hub.policy(name)
        circuits = policy.stats().circuits
        if not circuits and policy.settings.breaker is not None:  # nothing was called yet
            return {"": "closed"}
        return {"" if key is None else str(key): state for key, state in circuits.items()}

    async def _steer(self, request: Request) -> Response:
        if request.headers.get("content-type") != "application/json":
            return _json(415, {"error": "json_wanted"})
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > BODY_BYTES_MAX:
                return _json(413, {"error": "too_large"})
        try:
            order = msgspec.json.decode(body, type=BreakerOrder)
        except UNREADABLE as error:
            return _json(400, {"error": str(error)})
        return self._obeyed(request.path_params["name"], order)

    def _obeyed(self, name: str, order: BreakerOrder) -> Response:
        if name not in self._hub.settings.connections:
            return _json(404, {"error": "not_found"})
        try:
            circuit = self._hub.policy(name).breaker
        except ConfigurationError as error:
            return _json(409, {"error": str(error)})
        steer = circuit.force_open if order.action == "open" else circuit.reset
        steer(order.reason[:REASON_MAX])
        return _json(200, {"pid": os.getpid(), "breakers": {name: self._circuits(name)}})

    def _may(self, request: Request) -> bool:
        try:
            wanted = admin_token(self._hub.settings)
        except ConfigurationError:  # its file is gone, say: nobody may, until it is back
            return False
        if not wanted:
            return self._alone
        if not self._alone and len(wanted) < TOKEN_CHARACTERS_MIN:  # since it was read again
            return False
        given = request.headers.get("authorization", "")
        return hmac.compare_digest(given.encode("latin-1"), b"Bearer " + os.fsencode(wanted))

    async def _tail(self, request: Request) -> Response:
        if self._followers >= FOLLOWERS_MAX:
            return _json(429, {"error": "too_many_followers"})
        last = request.query_params.get("last", "0")
        count = int(last) if _COUNT.fullmatch(last) else 0
        self._followers += 1
        kind = "application/x-ndjson"
        return CountedStream(self._records(count), _HEADERS, kind, self._unfollowed)

    def _unfollowed(self) -> None:
        self._followers -= 1

    async def _records(self, last: int) -> AsyncGenerator[bytes]:
        """The last records, then every one as it comes; an empty line now and then."""
        queue: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue(QUEUE_MAX)
        dropped = 0

        def take(record: Mapping[str, Any]) -> None:
            nonlocal dropped
            try:
                queue.put_nowait(record)
            except asyncio.QueueFull:
                dropped += 1

        recorder = self._seen.recorder
        loop = asyncio.get_running_loop()

        def hand_over(record: Mapping[str, Any]) -> None:
            loop.call_soon_threadsafe(take, record)

        stop = recorder.follow(hand_over)
        try:
            yield b"\n"
            for record in recorder.feed()[-last:] if last else ():
                yield _line(record)
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT_SECONDS):
                        record = await queue.get()
                except TimeoutError:
                    yield b"\n"
                    continue
                yield _line(record)
                if dropped:
                    yield _line({"event": "records_dropped", "count": dropped})
                    dropped = 0
        finally:
            stop()


def _line(record: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(record, enc_hook=repr) + b"\n"


def _json(status: int, content: Any) -> Response:
    return Response(msgspec.json.encode(content), status, _HEADERS, "application/json")
