"""A subscription over one connection after another: graphql-transport-ws, or server-sent events.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md, and graphql-sse's of the same name
("distinct connections mode").
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import fields
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Generic, cast, final

import msgspec

from hardpoint.clients.graphql.answers import Shape, answer_in
from hardpoint.clients.graphql.calling import GraphQLCalls, checked_variables
from hardpoint.clients.graphql.driver import GraphQLCall
from hardpoint.clients.reconnecting import ALWAYS, SUBSCRIBED, Follow, Gap
from hardpoint.clients.rest.answers import RestAnswer, check_readable, decoded
from hardpoint.clients.rest.calling import RestCalls, RestOptions
from hardpoint.clients.rest.driver import STREAM_SECONDS_MAX
from hardpoint.clients.rest.settings import RestSettings
from hardpoint.clients.rest.streaming import StreamOpening
from hardpoint.clients.sse.following import EventFollowing
from hardpoint.clients.sse.parsing import ServerEvent
from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import ProviderError, UnexpectedResponseError, UnsupportedError
from hardpoint.http.messages import Headers, Response
from hardpoint.runtime.blocking import BlockingRuntime

if TYPE_CHECKING:
    from hardpoint.clients.websocket.following import SocketStream

PROTOCOL: Final = "graphql-transport-ws"
_CLOSES: Final = {
    "4400": "refused",
    "4401": "renew",
    "4403": "refused",
    "4406": "refused",
    "4409": "refused",
    "4429": "refused",
}
_GIVEN: Final = "given"
"""In place of a point: what is asked for next is said by variables."""

Resume = Callable[[Any], Mapping[str, Any]]


class _Said(msgspec.Struct, frozen=True):
    """A message of the protocol."""

    type: str
    payload: msgspec.Raw = msgspec.Raw(b"")


@final
class Subscribed(AsyncIterator[Shape | Gap], Generic[Shape]):
    """The results of one subscription; see `GraphQLClient.subscribe`."""

    def __init__(
        self,
        calls: GraphQLCalls,
        call: GraphQLCall,
        *,
        into: type[Shape],
        resume: Resume | None,
        follow: Follow | None,
    ) -> None:
        check_readable(into)
        self._calls = calls
        self._call = call
        self._into = into
        self._resume = resume
        over_socket = calls.driver.settings.subscriptions == "websocket"
        self._follow = follow or (SUBSCRIBED if over_socket else ALWAYS)
        self._last: Shape | None = None
        self._over = False
        self._events = None if over_socket else self._by_events()
        self._socket = self._by_socket() if over_socket else None

    async def enter(self) -> None:
        """Open it."""
        await (self._events or cast("SocketStream", self._socket)).enter()

    async def leave(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it; while it waits for another connection, too."""
        over, self._over = self._over, True
        if self._events is not None:
            await self._events.leave(kind, error, trace)
        if self._socket is not None:
            if not over:
                with suppress(ProviderError):  # it is closed anyway
                    await self._socket.send('{"id":"1","type":"complete"}')
            await self._socket.__aexit__(kind, error, trace)

    async def __anext__(self) -> Shape | Gap:
        while not self._over:
            said = await (self._event() if self._events is not None else self._message())
            if said is None or isinstance(said, Gap):
                return said if said is not None else await self._end()
            match said.type:
                case "next":
                    return self._result(bytes(said.payload))
                case "error":
                    self._over = True
                    raise self._refused(b'{"errors":%b}' % bytes(said.payload))
                case "complete":
                    return await self._end()
                case "ping" | "pong":
                    await self._answer(said)
                case _:
                    raise self._unexpected(f"sent {said.type!r:.40}")
        raise StopAsyncIteration

    async def _end(self) -> Shape:
        self._over = True
        await self.leave(None, None, None)
        raise StopAsyncIteration

    def _asked(self) -> dict[str, Any]:
        """What is subscribed to, from where it is known now."""
        call = self._call
        variables = dict(call.variables)
        if self._resume is not None and self._last is not None:
            variables |= checked_variables(self._resume(self._last))
        asked: dict[str, Any] = {"query": call.document.text, "variables": variables}
        if call.document.name is not None:
            asked["operationName"] = call.document.name
        return asked

    def _result(self, payload: bytes) -> Shape:
        answer = answer_in(_response(payload), self._calls.driver.secrets())
        if answer is None:
            raise self._unexpected("sent a result that has neither data nor errors")
        if answer.errors:
            raise self._calls.driver.reported(answer)
        calls = self._calls
        result = decoded(
            RestAnswer(200, (), answer.data), self._into, calls.provider, calls.driver.secrets
        )
        self._last = result
        if self._socket is not None and self._resume is not None:
            self._socket.ack(_GIVEN)
        return result

    def _refused(self, payload: bytes) -> ProviderError:
        answer = answer_in(_response(payload), self._calls.driver.secrets())
        if answer is None:
            return self._unexpected("refused it without a reason")
        return self._calls.driver.reported(answer)

    def _unexpected(self, words: str) -> UnexpectedResponseError:
        return UnexpectedResponseError(
            f"{self._calls.provider} {words}", provider=self._calls.provider, outcome_known=True
        )

    # Over server-sent events

    def _by_events(self) -> EventFollowing:
        calls, follow = self._calls, self._follow
        rest = RestCalls(calls.driver.rest, calls.connection)
        path = calls.driver.subscriptions_path
        idle = STREAM_SECONDS_MAX if follow.idle is None else follow.idle

        def opener(own: Mapping[str, str]) -> StreamOpening:
            options = RestOptions(
                headers={**dict(self._call.headers), **own}, json=self._asked(), repeat="safe"
            )
            return StreamOpening(rest, "POST", path, {}, options, bytes_max=None, idle=idle)

        return EventFollowing(
            opener,
            calls.connection,
            operation=f"subscription {self._call.document.name or ''}".strip(),
            last_id="",
            follow=follow,
            known=lambda: self._resume is not None and self._last is not None,
        )

    async def _event(self) -> "_Said | Gap | None":
        event = await anext(cast("EventFollowing", self._events), None)
        if not isinstance(event, ServerEvent):
            return event
        return _Said(event.name, msgspec.Raw(event.data.encode()))

    # Over a WebSocket

    def _by_socket(self) -> "SocketStream":
        calls = self._calls
        if isinstance(calls.connection.runtime, BlockingRuntime):
            raise UnsupportedError(
                'a subscription over a WebSocket is asynchronous only; subscriptions = "sse" says '
                "that the API has them as server-sent events"
            )
        from hardpoint.clients.websocket.client import WebSocketClient
        from hardpoint.clients.websocket.driver import WebSocketDriver, connector
        from hardpoint.clients.websocket.settings import WebSocketSettings

        own = {one.name: getattr(calls.driver.settings, one.name) for one in fields(RestSettings)}
        settings = WebSocketSettings(**own, subprotocols=(PROTOCOL,), closes=_CLOSES)
        driver = WebSocketDriver(connector(settings), settings)

        async def greet(socket: "SocketStream", _: str | None) -> None:
            payload = dict(await driver.proof())
            await socket.send(_written({"type": "connection_init", "payload": payload}))
            while (said := self._read(await socket.receive())).type != "connection_ack":
                if said.type != "ping":
                    raise self._unexpected(f"greets with {said.type!r:.40}")
                await socket.send('{"type":"pong"}')
            await socket.send(_written({"id": "1", "type": "subscribe", "payload": self._asked()}))

        return WebSocketClient(driver, calls.connection).connect(
            calls.driver.subscriptions_path,
            on_open=greet,
            headers=dict(self._call.headers),
            follow=self._follow,
        )

    async def _message(self) -> "_Said | Gap | None":
        message = await anext(cast("SocketStream", self._socket), None)
        return message if message is None or isinstance(message, Gap) else self._read(message)

    def _read(self, message: str | bytes) -> _Said:
        try:
            return msgspec.json.decode(message, type=_Said)
        except UNREADABLE:
            raise self._unexpected("sent what is no message of graphql-transport-ws") from None

    async def _answer(self, said: _Said) -> None:
        if said.type == "ping" and self._socket is not None:
            with suppress(ProviderError):  # what is lost is seen when the next message is read
                await self._socket.send('{"type":"pong"}')


def _response(payload: bytes) -> Response:
    return Response(status=200, headers=Headers(()), body=payload)


def _written(message: Mapping[str, Any]) -> str:
    return msgspec.json.encode(message).decode()
