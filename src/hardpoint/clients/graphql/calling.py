"""Calls of a GraphQL API: from a document to attempts under the policy, and what they gave."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast, final

import msgspec

from hardpoint.calls.call import Calls
from hardpoint.calls.connection import Connection
from hardpoint.calls.journalled import CallSpec
from hardpoint.calls.pace import Pace
from hardpoint.clients.graphql.answers import GraphQLAnswer, PartialData, Shape, quota_left
from hardpoint.clients.graphql.documents import GraphQLDocument, document_of
from hardpoint.clients.graphql.driver import GraphQLCall, GraphQLDriver
from hardpoint.clients.rest.answers import RestAnswer, check_readable, decoded
from hardpoint.clients.rest.requests import header_pairs
from hardpoint.core.capabilities import Idempotency
from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import InvalidRequestError
from hardpoint.core.outcome import Operation, Repeat
from hardpoint.http.quotas import QuotaNews

VARIABLES_BYTES_MAX: Final = 4 * 1024 * 1024
VARIABLES_DEPTH_MAX: Final = 64
_NESTING: Final = (dict, list)


@final
class GraphQLCalls:
    """The calls of one connection."""

    def __init__(self, driver: GraphQLDriver, connection: Connection) -> None:
        self.driver = driver
        self.connection = connection
        self.provider = driver.provider
        self._calls = Calls(connection, driver)
        self._honoured = driver.capabilities.idempotency is Idempotency.NATIVE
        self._pace = Pace(connection.policy, connection.clock, driver.provider)
        self._watching = driver.settings.rate_headers != "none"

    def prepared(
        self,
        text: str,
        operation: str | None,
        variables: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        *,
        kind: str = "query",
        cacheable: bool = False,
        partial: bool = False,
    ) -> GraphQLCall:
        """What is sent in each attempt.

        Raises:
            InvalidRequestError: an argument is wrong, or the operation is of another kind.
        """
        document = document_of(text, operation)
        _check_kind(document, kind)
        own = header_pairs(
            headers, if_match=None, key_header=self.driver.settings.idempotency_header
        )
        return GraphQLCall(
            document=document,
            variables=checked_variables(variables),
            headers=own,
            cacheable=cacheable,
            partial=partial,
        )

    async def query(self, call: GraphQLCall, into: type[Shape]) -> Shape:
        """Read; what is asked for is all there."""
        check_readable(into)
        answer = await self._asked(call)
        return self._data(RestAnswer(answer.status, (), answer.data), into)

    async def query_partial(self, call: GraphQLCall, into: type[Shape]) -> PartialData[Shape]:
        """Read; what is missing is told beside the rest."""
        check_readable(into)
        answer = await self._asked(call)
        return PartialData(
            self._data(RestAnswer(answer.status, (), answer.data), into), answer.errors
        )

    async def mutate(
        self, call: GraphQLCall, into: type[Shape], given: str | None, repeat: str | None
    ) -> Shape:
        """Have something done."""
        check_readable(into)
        operation = _operation(call.document, repeat)
        if operation.repeat is not Repeat.NEEDS_KEY and given is None:
            answer = await self._calls.run(operation, lambda: self._sent(operation, call, None))
            return self._data(RestAnswer(answer.status, (), answer.data), into)
        facts = (call.document.text, call.document.name, msgspec.json.encode(call.variables))
        key = self._calls.key(operation, given, facts)
        spec: CallSpec[Any] = CallSpec(arguments=facts, returns=RestAnswer)

        async def attempt(derived: str) -> RestAnswer:
            answer = await self._sent(operation, call, own or derived)
            return RestAnswer(answer.status, (), answer.data)

        own = given if given is not None and self._plain(given) else None
        made = await self._calls.run_keyed(operation, attempt, key, spec)
        return self._data(made, into)

    async def _asked(self, call: GraphQLCall) -> GraphQLAnswer:
        operation = _operation(call.document, None)
        return await self._calls.run(operation, lambda: self._sent(operation, call, None))

    async def _sent(
        self, operation: Operation, call: GraphQLCall, key: str | None
    ) -> GraphQLAnswer:
        """One attempt."""
        if not self._pace.quiet:
            self._pace.check(operation.name)
        answer = await self.driver.send(call, key)
        if self._watching:
            self._heed(operation, answer)
        return answer

    def _heed(self, operation: Operation, answer: GraphQLAnswer) -> None:
        """Wait before the next call, where the API would not take another like this one yet."""
        quota = quota_left(answer.extensions)
        if quota is None or quota.remaining > 0:
            return
        told = self._pace.heed(operation.name, QuotaNews(quota))
        if told is not None:
            policy: Any = self.connection.policy
            policy.observe_quota(told)

    def _plain(self, key: str) -> bool:
        """Whether the API can be given a key of the caller's as it stands."""
        short = len(key) <= self.driver.capabilities.key_length_max
        return self._honoured and short and key.isascii() and key == key.strip()

    def _data(self, answer: RestAnswer, into: type[Shape]) -> Shape:
        return decoded(answer, into, self.provider, self.driver.secrets)


def checked_variables(variables: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Variables that can be sent.

    Raises:
        InvalidRequestError: they are too many or too deep, or JSON cannot say them.
    """
    if not variables:
        return {}
    try:
        written = msgspec.json.encode(variables)
    except (TypeError, *UNREADABLE):
        raise InvalidRequestError("cannot be written as JSON", field="variables") from None
    if len(written) > VARIABLES_BYTES_MAX:
        raise InvalidRequestError(f"takes over {VARIABLES_BYTES_MAX} bytes", field="variables")
    if _depth(written) > VARIABLES_DEPTH_MAX:
        raise InvalidRequestError(f"is over {VARIABLES_DEPTH_MAX} deep", field="variables")
    return cast("Mapping[str, Any]", msgspec.json.decode(written))


def _depth(written: bytes) -> int:
    """How deep the objects and lists of a JSON text lie within each other."""
    level: list[Any] = [msgspec.json.decode(written)]
    depth = 0
    while level and depth <= VARIABLES_DEPTH_MAX:
        depth += 1
        level = [inner for one in level for inner in _inside(one) if isinstance(inner, _NESTING)]
    return depth


def _inside(nested: Any) -> Iterable[Any]:
    return nested.values() if isinstance(nested, dict) else nested  # pyright: ignore[reportUnknownVariableType] - of anything


def _check_kind(document: GraphQLDocument, wanted: str) -> None:
    if document.kind != wanted:
        verbs = {"query": "query", "mutation": "mutate", "subscription": "subscribe"}
        raise InvalidRequestError(
            f"has a {document.kind}: its verb is {verbs[document.kind]}", field="document"
        )


def _operation(document: GraphQLDocument, repeat: str | None) -> Operation:
    """What it is called, and what a repeat does."""
    name = f"{document.kind} {document.name}" if document.name else document.kind
    if repeat is None:
        return Operation(name, Repeat.SAFE if document.kind == "query" else Repeat.NEEDS_KEY)
    try:
        return Operation(name, Repeat(repeat))
    except ValueError:
        known = ", ".join(one.value for one in Repeat)
        raise InvalidRequestError(f"is {repeat!r:.40}; one of {known}", field="repeat") from None
