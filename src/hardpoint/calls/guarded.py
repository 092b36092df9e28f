"""Requests that another library's client sends, under a policy: one set of rules for all clients.

- What a repeat does is said by the request before it is sent: by its method, its idempotency key,
  and whether its body can be sent twice. A policy's own `repeat` goes before the method.
- An answer with an error's status is judged like an error. When no further attempt follows, it is
  handed over as the answer that it is, and the SDK above makes its own exception of it.
- `client_errors` says what comes out where there is no answer.

The integrations say what a request is, how it is sent once, and how an answer is let go of.
"""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final, final

from hardpoint.calls.client_errors import ClientKind
from hardpoint.calls.events import RetriesBeneath
from hardpoint.calls.guarded_answer import BAD, BadAnswer, classified, name_of, status_name
from hardpoint.calls.guarded_connection import GuardedConnection, check_usable
from hardpoint.calls.guarded_request import GuardedRequest, key_of, repeat_of
from hardpoint.calls.pace import ClientPace
from hardpoint.calls.watching import CallWatch, request_id_in, tell_quota
from hardpoint.core.errors import HardpointError, OutcomeUnknownError
from hardpoint.http.exchanges import SeenExchange
from hardpoint.http.quotas import RateHeaders
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.repetition import Effect, RepeatClass

IDEMPOTENCY_HEADER: Final = "Idempotency-Key"


@final
class GuardedClient:
    """A client's requests under one policy.

    Args:
        guarded: a policy, or what `hub.guard` gives.
        deadline_max: seconds for a whole call, whatever the policy allows.

    Raises:
        ConfigurationError: the policy has a part that no client can use.
    """

    __slots__ = ("_base", "_connection", "_deadline_max", "_derived", "_pace", "_policy", "_told")

    def __init__(
        self, guarded: Policy[Any] | GuardedConnection, *, deadline_max: float | None = None
    ) -> None:
        self._connection = None if isinstance(guarded, Policy) else guarded
        self._policy = guarded if isinstance(guarded, Policy) else None
        self._deadline_max = deadline_max
        self._base: Policy[Any] | None = None
        self._derived: dict[RepeatClass, Policy[Any]] = {}
        self._pace: ClientPace | None = None
        self._told = False
        self._current()

    def call(self, request: GuardedRequest, kind: ClientKind) -> "GuardedCall":
        """A call, before its first attempt.

        Args:
            request: what is sent, the same in each attempt; it gets a key, where it is to have one.
            kind: of client.
        """
        base, connection = self._current(), self._connection
        told = None if connection is None else connection.settings
        header = (told and told.idempotency_header) or IDEMPOTENCY_HEADER
        chosen = (told and told.repeat_class) or base.settings.repeat
        repeat = repeat_of(request, chosen, idempotent=base.settings.idempotent)
        harmless = repeat == "idempotent"
        key = None if repeat == "safe" else request.headers.get(header)
        lasting = False
        if repeat == "needs_key":
            if (
                not (key or request.keyed)
                and connection is not None
                and connection.settings.idempotency_header
            ):
                key, lasting = key_of(connection, request)
                request.headers[header] = key
            if (
                key or request.keyed
            ):  # whoever sends one says that it is honoured: twice is as good as once
                repeat = "idempotent"
        return GuardedCall(
            self._under(repeat),
            request,
            kind,
            connection,
            key=str(key) if key else None,
            repeatable=harmless or lasting,
            pace=self._pace,
            form="auto" if told is None else told.rate_form,
        )

    def tell_of_retries(self, by: str, fix: str) -> None:
        """Tell that something else repeats calls too; once."""
        if not self._told:
            self._told = True
            policy = self._current()
            event = RetriesBeneath(policy=policy.name, by=by, fix=fix)
            policy._assembly.listeners.emit(event)

    def _current(self) -> Policy[Any]:
        """The policy in force; what was derived from another is forgotten."""
        policy = self._policy
        if policy is None:
            assert self._connection is not None  # noqa: S101 - one of the two is given
            policy = self._connection.policy
        if policy is not self._base:
            check_usable(policy)
            self._base, self._derived = policy, {}
            heeds = self._connection is not None or policy.settings.rate is not None
            self._pace = ClientPace(policy, policy.name) if heeds else None
        return policy

    def _under(self, repeat: RepeatClass) -> Policy[Any]:
        found = self._derived.get(repeat)
        if found is None:
            found = self._derived[repeat] = self._derive(self._current(), repeat)
        return found

    def _derive(self, policy: Policy[Any], repeat: RepeatClass) -> Policy[Any]:
        settings = policy.settings
        deadline = settings.deadline
        if self._deadline_max is not None:
            most = max(self._deadline_max, settings.timeout or 0)
            deadline = most if deadline is None else min(deadline, most)
        return policy.with_(
            repeat=repeat,
            idempotent=False,
            idempotency_key=None,
            deadline=deadline,
            classify=classified(settings.classify),
            tells_calls=self._connection is None,
        )


@final
class GuardedCall:
    """One call of a client: its attempts, and what comes of them."""

    __slots__ = (
        "_connection",
        "_discard",
        "_form",
        "_key",
        "_kind",
        "_last",
        "_pace",
        "_policy",
        "_repeatable",
        "_request",
        "_send",
        "_watch",
    )

    def __init__(
        self,
        policy: Policy[Any],
        request: GuardedRequest,
        kind: ClientKind,
        connection: GuardedConnection | None,
        *,
        key: str | None,
        repeatable: bool,
        pace: ClientPace | None,
        form: RateHeaders,
    ) -> None:
        self._policy = policy
        self._pace = None if form == "none" else pace
        self._form: RateHeaders = form
        self._request = request
        self._kind = kind
        watched = connection is not None and connection.listeners.active
        self._connection = connection if watched else None
        self._watch: CallWatch | None = None
        self._key = key
        self._repeatable = repeatable
        self._last: Any = None
        self._send: Callable[[], Any] = _nothing
        self._discard: Callable[[Any], Any] = _nothing

    async def finish(
        self, send: Callable[[], Awaitable[Any]], discard: Callable[[Any], Awaitable[None]]
    ) -> Any:
        """The client's answer.

        Args:
            send: makes one attempt.
            discard: lets go of an answer that nobody will see.

        Raises:
            Exception: the client's own, or one of ours that is the client's too.
        """
        self._send, self._discard = send, discard
        self._begin()
        try:
            try:
                response = await self._policy.call(self._attempt, self._request.native)
            except (BadAnswer, HardpointError) as error:
                response = self._handed_over(error)
        except BaseException as failure:
            last = self._taken()
            if last is not None and not isinstance(failure, GeneratorExit):  # it may not await
                await discard(last)
            self._tell_call(failure)
            raise
        self._tell_call(None, response)
        return response

    def finish_blocking(self, send: Callable[[], Any], discard: Callable[[Any], None]) -> Any:
        """The same for a client that blocks."""
        self._send, self._discard = send, discard
        self._begin()
        try:
            try:
                response = self._policy.call(self._attempt_blocking, self._request.native)
            except (BadAnswer, HardpointError) as error:
                response = self._handed_over(error)
        except BaseException as failure:
            if (last := self._taken()) is not None:
                discard(last)
            self._tell_call(failure)
            raise
        self._tell_call(None, response)
        return response

    async def _attempt(self, _native: object) -> Any:
        if (last := self._taken()) is not None:
            await self._discard(last)
        if self._pace is not None:
            self._pace.check(self._route)
        with self:
            return self._judged(await self._send())

    def _attempt_blocking(self, _native: object) -> Any:
        if (last := self._taken()) is not None:
            self._discard(last)
        if self._pace is not None:
            self._pace.check(self._route)
        with self:
            return self._judged(self._send())

    def _taken(self) -> Any:
        last, self._last = self._last, None
        return last

    def _judged(self, response: Any) -> Any:
        self._last = response
        if self._pace is not None:
            native = self._request.native
            news = self._pace.heed(self._form, response.headers, self._route, native)
            if news is not None and (connection := self._connection) is not None:
                tell_quota(connection.listeners, connection.name, news.quota)
        status: int = getattr(response, self._kind.status)
        if status >= BAD:
            raise BadAnswer(response, status, response.headers)
        return response

    def _handed_over(self, error: BadAnswer | HardpointError) -> Any:
        """The answer after all; else what is to be raised is raised."""
        if isinstance(error, OutcomeUnknownError):
            cause = error.__cause__
            if isinstance(cause, BadAnswer) and cause.verdict.effect is Effect.UNKNOWN:
                return cause.response  # its status says it: 503 and its like
            error.operation = error.operation or self._operation
            error.idempotency_key, error.repeatable = self._key, self._repeatable
        if isinstance(error, BadAnswer):
            return error.response
        failure = self._kind.theirs(error)
        raise failure from failure.__cause__

    # Telemetry

    def _begin(self) -> None:
        """The call begins."""
        if (connection := self._connection) is not None:
            self._watch = CallWatch(
                connection.name,
                connection.provider,
                self._operation,
                clock=connection.clock,
                ids=connection.ids,
                listeners=connection.listeners,
                key=self._key,
            )

    def __enter__(self) -> None:
        if (watch := self._watch) is not None:
            request = self._request
            watch.begin_attempt(SeenExchange(request.method, host=request.host))

    def __exit__(
        self, _kind: object, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if (watch := self._watch) is None:
            return
        pairs = () if self._last is None else self._last.headers.items()
        status: int | None = getattr(self._last, self._kind.status, None)
        request_id = request_id_in(
            (str(name).encode(), str(value).encode()) for name, value in pairs
        )
        watch.end_attempt(name_of(error), status=status, request_id=request_id)

    def _tell_call(self, failure: BaseException | None, response: Any = None) -> None:
        if (watch := self._watch) is not None:
            status: int = getattr(response, self._kind.status, 0)
            watch.end(status_name(status) if status >= BAD else name_of(failure))

    @property
    def _operation(self) -> str:
        return self._request.operation or f"{self._request.method} {self._request.host}"

    def _route(self) -> str:
        """What is asked for, without its query: a limit among several may be for it alone."""
        url: object = next(iter(self._request.content()), "")
        return f"{self._request.method} {str(url).partition('?')[0] or self._operation}"


def _nothing(*_: object) -> None:
    """Stands for what is given when the call is made."""
