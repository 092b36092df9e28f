"""Calls of any API: from what the caller wrote to attempts under the policy, and what they gave."""

from collections.abc import Mapping, Sequence
from typing import Any, cast, final

import msgspec
from msgspec.structs import replace

from hardpoint.calls.call import Calls
from hardpoint.calls.connection import Connection
from hardpoint.calls.journalled import CallSpec
from hardpoint.calls.pace import Pace
from hardpoint.calls.watching import tell_quota
from hardpoint.clients.rest.answers import (
    Into,
    RestAnswer,
    check_readable,
    decoded,
    unexpected,
)
from hardpoint.clients.rest.driver import NOT_MODIFIED, RestDriver
from hardpoint.clients.rest.remembered import Remembered, validators
from hardpoint.clients.rest.requests import (
    Content,
    Query,
    RestBody,
    RestRequest,
    body_of,
    header_pairs,
    operation_of,
    path_of,
    target_of,
)
from hardpoint.core.capabilities import Idempotency
from hardpoint.core.outcome import Operation, Repeat
from hardpoint.http.messages import Response


@final
class RestOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the verbs of `RestClient` take, by the same names."""

    query: Query | None = None
    headers: Mapping[str, str] | None = None
    json: object = None
    form: Mapping[str, Any] | None = None
    content: Content | None = None
    content_type: str | None = None
    idempotency_key: str | None = None
    if_match: str | None = None
    repeat: str | None = None
    conditional: bool = False
    compressed: bool = False
    redirects: int = 0


@final
class RestCalls:
    """The calls of one connection."""

    def __init__(self, driver: RestDriver, connection: Connection) -> None:
        self.provider = driver.provider
        self.driver = driver
        self.connection = connection
        self._calls = Calls(connection, driver)
        self._honoured = driver.capabilities.idempotency is Idempotency.NATIVE
        self._pace = Pace(connection.policy, connection.clock, driver.provider)
        self._watching = driver.settings.rate_headers != "none"
        self._remembered = Remembered()

    # One call

    async def call(
        self,
        method: str,
        path: str,
        into: type[Into],
        options: RestOptions,
        params: Mapping[str, object],
    ) -> Into:
        """Make it; see `RestClient`."""
        if into is not RestAnswer:
            check_readable(into)
        call, body = self.prepared(method, path, options, params)
        operation = operation_of(method, path, "never" if body.once else options.repeat)
        if operation.repeat is Repeat.NEEDS_KEY or options.idempotency_key is not None:
            return await self._keyed(operation, call, body, into, options.idempotency_key)
        if options.conditional:
            return await self._calls.run(operation, lambda: self._again(operation, call, into))
        return await self._calls.run(operation, lambda: self._read(operation, call, into, None))

    def prepared(
        self, method: str, path: str, options: RestOptions, params: Mapping[str, object]
    ) -> tuple[RestRequest, RestBody]:
        """What is sent in each attempt.

        Raises:
            InvalidRequestError: an argument is wrong.
        """
        body = body_of(
            options.json,
            options.form,
            options.content,
            options.content_type,
            self.connection.runtime,
        )
        own = header_pairs(
            options.headers,
            if_match=options.if_match,
            key_header=self.driver.settings.idempotency_header,
        )
        call = RestRequest(
            method=method,
            target=self.query(path_of(path, params), options.query),
            headers=(*body.headers, *own),
            body=body.body,
            compressed=options.compressed,
            redirects=options.redirects,
        )
        return call, body

    async def _keyed(
        self,
        operation: Operation,
        call: RestRequest,
        body: RestBody,
        into: type[Into],
        given: str | None,
    ) -> Into:
        facts = (call.method, call.target, body.facts)
        key = self._calls.key(operation, given, facts)
        own = given if given is not None and self._plain(given) else None
        effect: CallSpec[Any] = CallSpec(arguments=facts, returns=RestAnswer)
        kind: type[Any] = into if self._honoured else RestAnswer  # which the journal can keep
        made = await self._calls.run_keyed(
            operation,
            lambda derived: self._read(operation, call, kind, own or derived),
            key,
            effect,
        )
        if kind is into:
            return made
        return decoded(made, into, self.provider, self.secrets)

    def _plain(self, key: str) -> bool:
        """Whether a header carries a key of the caller's as it stands."""
        short = len(key) <= self.driver.capabilities.key_length_max
        return short and key.isascii() and key == key.strip()

    async def _read(
        self, operation: Operation, call: RestRequest, into: type[Into], key: str | None
    ) -> Into:
        """One attempt."""
        answer = RestAnswer.of(await self._sent(operation, call, key))
        if into is RestAnswer:
            return cast("Into", answer)
        return decoded(answer, into, self.provider, self.driver.secrets)

    async def _again(self, operation: Operation, call: RestRequest, into: type[Into]) -> Into:
        """One attempt, for what has changed since it was asked for the last time."""
        asked = f"{call.target}\n{call.headers}"
        known = self._remembered.get(asked)
        if known is not None:
            call = replace(call, headers=(*call.headers, *validators(known)))
        answer = RestAnswer.of(await self._sent(operation, call, None))
        if answer.status != NOT_MODIFIED:
            self._remembered.keep(asked, answer)
        elif known is None:
            raise unexpected(answer, "has not changed, and nobody knows what it was", self.provider)
        else:
            answer = replace(known, unchanged=True)
        if into is RestAnswer:
            return cast("Into", answer)
        return decoded(answer, into, self.provider, self.driver.secrets)

    async def _sent(self, operation: Operation, call: RestRequest, key: str | None) -> Response:
        self.check(operation)
        reply = await self.driver.send(call, key)
        if self._watching and (news := self.driver.news(reply)) is not None:
            tell_quota(self.connection.listeners, self.connection.name, news.quota)
            quota = self._pace.heed(operation.name, news)
            if quota is not None:
                policy: Any = self.connection.policy
                policy.observe_quota(quota)
        return reply

    def check(self, operation: Operation) -> None:
        """Let a call pass, unless the other side's limit is known to be used up.

        Raises:
            RateLimitedError: nothing was sent.
        """
        if not self._pace.quiet:
            self._pace.check(operation.name)

    # Pages

    def target(
        self, path: str, params: Mapping[str, object], query: Query | None
    ) -> tuple[str, str]:
        """A path, and the same with its query."""
        plain = path_of(path, params)
        return plain, self.query(plain, query)

    def query(self, path: str, query: Query | None) -> str:
        """A path with its query."""
        return target_of(path, query, self.driver.secrets()) if query else path

    def url(self, target: str) -> str:
        """The address of a path with its query."""
        return self.driver.url(target)

    def below(self, target: str, said: str) -> str:
        """See `RestDriver.below`."""
        return self.driver.below(target, said)

    async def page(self, path: str, target: str, options: RestOptions) -> RestAnswer:
        """One page of a list."""
        own = header_pairs(options.headers, if_match=None, key_header=None)
        call = RestRequest(method="GET", target=target, headers=own, compressed=options.compressed)
        operation = operation_of("GET", path, None)
        return await self._calls.run(
            operation, lambda: self._read(operation, call, RestAnswer, None)
        )

    def secrets(self) -> Sequence[str]:
        """What must not be shown if an answer quotes it."""
        return self.driver.secrets()
