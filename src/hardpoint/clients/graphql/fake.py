"""A GraphQL API in the place of any: it answers what a test says, and keeps what it was asked.

def test_a_product_is_read(hardpoint_hub):
    shop = hardpoint_hub.fake("shop").app
    shop.on("Product", {"product": {"title": "Roof"}})
    ...
    assert shop.asked[0].variables == {"id": 7}
"""

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast, final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from hardpoint.clients.described import DESCRIBED
from hardpoint.clients.graphql.documents import document_of
from hardpoint.clients.graphql.fed import FakeSubscription
from hardpoint.clients.rest.answers import at_pointer
from hardpoint.core.errors import InvalidRequestError
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply, Received

if TYPE_CHECKING:
    from hardpoint.fakes.sockets import FakeSocket  # needs the extra `websocket`

_CODE_UNKNOWN = "PERSISTED_QUERY_NOT_FOUND"


@final
class AskedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One request, as the fake read it.

    Attributes:
        kind: `query` or `mutation`.
        name: the operation's; empty where it has none.
        text: the document.
        variables: by name.
        headers: of the request.
    """

    kind: str
    name: str
    text: str
    variables: Mapping[str, Any]
    headers: Mapping[str, str]


@final
class _Rule(msgspec.Struct, frozen=True):
    on: str
    answer: Any


def _nothing(*_: object) -> None:
    pass


@final
class FakeGraphQL:
    """An API that a test describes, by the names of operations. What nobody has described fails.

    In the place of a connection it is called with a bearer's key, and below no path. It keeps
    persisted queries, and honours `Idempotency-Key`: under one that it knows it acts no more.

    Attributes:
        asked: every operation, in order.
        ledger: what acted, `mutation(name=)`.
        greeted: what each WebSocket began with, `connection_init`.
        said: what else came over them, by type: `pong`, `complete`.
    """

    name = "graphql"
    facts = DESCRIBED

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.asked: list[AskedDocument] = []
        self.greeted: list[Mapping[str, Any]] = []
        self.said: list[str] = []
        self._rules: list[_Rule] = []
        self._persisted: dict[str, str] = {}
        self._answered: dict[str, FakeReply] = {}
        self._subscriptions: dict[str, FakeSubscription] = {}

    def on(
        self,
        operation: str,
        data: Any = None,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        extensions: Mapping[str, Any] | None = None,
        status: int = 200,
    ) -> None:
        """Answer what matches; the latest rule that does decides.

        Args:
            operation: a glob over its name, `Product*`.
            data: what it gives; or a function of the request (`AskedDocument`), which gives data or
                a `FakeReply`.
            errors: what it reports; with it and no `data`, data is null.
            extensions: told beside.
            status: of the answer.
        """
        answer = data if callable(data) else _reply(data, errors, extensions, status)
        self._rules.append(_Rule(operation, answer))

    def subscription(
        self,
        operation: str,
        begin: Callable[[FakeSubscription, Mapping[str, Any]], object] = _nothing,
    ) -> FakeSubscription:
        """A subscription, to be sent into.

        Args:
            operation: its name.
            begin: what happens when somebody subscribes, of it and the variables.
        """
        made = self._subscriptions[operation] = FakeSubscription(begin)
        return made

    def answer(self, request: Received) -> FakeReply:
        """As the rules have it."""
        try:
            body = _body(request)
        except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
            return _failed("is no GraphQL request", "BAD_REQUEST", 400)
        digest = _digest(body)
        text = body.get("query")
        if text is None and digest:
            text = self._persisted.get(digest)
            if text is None:
                return _failed("PersistedQueryNotFound", _CODE_UNKNOWN, 200)
        try:
            document = document_of(str(text or ""), body.get("operationName"))
        except InvalidRequestError as error:
            return _failed(str(error), "GRAPHQL_PARSE_FAILED", 400)
        if digest:
            self._persisted[digest] = document.text
        asked = AskedDocument(
            kind=document.kind,
            name=document.name or "",
            text=document.text,
            variables=body.get("variables") or {},
            headers=dict(request.headers),
        )
        self.asked.append(asked)
        if asked.kind == "subscription":
            known = self._subscriptions.get(asked.name)
            if known is None:
                return _failed(f"nobody knows {asked.name!r}", "GRAPHQL_VALIDATION_FAILED", 400)
            return known.reply(request, asked.variables)
        return self._described(asked) if asked.kind == "query" else self._acted(asked)

    # Subscriptions over a WebSocket, for the server

    def visited(self, socket: "FakeSocket") -> None:
        """See `SocketKeeper`."""

    def heard(self, socket: "FakeSocket", message: str | bytes) -> None:
        """See `SocketKeeper`."""
        said = msgspec.json.decode(message, type=dict[str, Any])
        match said["type"]:
            case "connection_init":
                self.greeted.append(said.get("payload") or {})
                socket.send('{"type":"ping"}')
                socket.send('{"type":"connection_ack"}')
                socket.send('{"type":"ping"}')
            case "subscribe":
                payload = said["payload"]
                known = self._subscriptions.get(payload.get("operationName") or "")
                if known is None:
                    refused = [{"message": "nobody knows it"}]
                    error = {"id": said["id"], "type": "error", "payload": refused}
                    socket.send(msgspec.json.encode(error).decode())
                else:
                    known.take(socket, said["id"], payload.get("variables") or {})
            case kind:
                self.said.append(kind)

    def left(self, socket: "FakeSocket") -> None:
        """See `SocketKeeper`."""

    def _acted(self, asked: AskedDocument) -> FakeReply:
        key = asked.headers.get("idempotency-key")
        if key is not None and key in self._answered:
            return self._answered[key]
        reply = self._described(asked)
        self.ledger.record(asked.kind, name=asked.name)
        if key is not None:
            self._answered[key] = reply
        return reply

    def _described(self, asked: AskedDocument) -> FakeReply:
        for rule in reversed(self._rules):
            if fnmatch.fnmatchcase(asked.name, rule.on):
                made = rule.answer if isinstance(rule.answer, FakeReply) else rule.answer(asked)
                return made if isinstance(made, FakeReply) else _reply(made, (), None, 200)
        known = ", ".join(rule.on for rule in self._rules) or "nothing"
        return _failed(f"{asked.name!r} is not among: {known}", "GRAPHQL_VALIDATION_FAILED", 400)


def _body(request: Received) -> dict[str, Any]:
    """What was asked, from the body of a POST or the query of a GET."""
    if request.method == "GET":
        pairs = dict(parse_qsl(urlsplit(request.target).query))
        for name in ("variables", "extensions"):
            if name in pairs:
                pairs[name] = msgspec.json.decode(pairs[name])
        return cast("dict[str, Any]", pairs)
    return msgspec.json.decode(request.body, type=dict[str, Any])


def _digest(body: Mapping[str, Any]) -> str:
    return str(at_pointer(body, "/extensions/persistedQuery/sha256Hash") or "")


def _reply(
    data: Any,
    errors: Sequence[Mapping[str, Any]],
    extensions: Mapping[str, Any] | None,
    status: int,
) -> FakeReply:
    said: dict[str, Any] = {"data": data}
    if errors:
        said["errors"] = [*errors]
    if extensions is not None:
        said["extensions"] = extensions
    return FakeReply.json(said, status)


def _failed(message: str, code: str, status: int) -> FakeReply:
    return FakeReply.json({"errors": [{"message": message, "extensions": {"code": code}}]}, status)
