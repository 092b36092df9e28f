"""One attempt at a GraphQL API: the body tells first, the status second."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, final

import msgspec

from hardpoint.clients.graphql.answers import GraphQLAnswer, answer_in, quota_left
from hardpoint.clients.graphql.documents import GraphQLDocument
from hardpoint.clients.graphql.errors import GraphQLError, ReportedError
from hardpoint.clients.graphql.settings import GraphQLSettings
from hardpoint.clients.rest.driver import RestDriver
from hardpoint.clients.rest.requests import RestRequest, target_of
from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.effects import Clock
from hardpoint.core.errors import (
    AuthenticationError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ProviderError,
    RateLimitedError,
    UnexpectedResponseError,
)
from hardpoint.http.errors import ErrorTable, Known, Problem
from hardpoint.http.json_api import JSON
from hardpoint.http.messages import Response, StreamingTransport

ACCEPT: Final = "application/graphql-response+json, application/json;q=0.9"
_ANSWERED: Final = frozenset({400, 422})
"""Statuses that say no more than `errors` do: servers differ in which they give."""
_NOT_PERSISTED: Final = frozenset({"PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound"})
_FROM: Final = "as most servers say it"
_CODES: Final[Mapping[str, Known]] = {
    code: Known(error, _FROM, "")
    for code, error in (
        ("THROTTLED", RateLimitedError),
        ("RATE_LIMIT", RateLimitedError),
        ("RATE_LIMITED", RateLimitedError),
        ("UNAUTHENTICATED", AuthenticationError),
        ("FORBIDDEN", PermissionDeniedError),
        ("ACCESS_DENIED", PermissionDeniedError),
        ("NOT_FOUND", NotFoundError),
        ("INTERNAL_SERVER_ERROR", OutcomeUnknownError),
    )
}


@final
class GraphQLCall(msgspec.Struct, frozen=True, kw_only=True):
    """What one call sends in every attempt.

    Attributes:
        document: the operation.
        variables: as they will be written; checked.
        headers: beside the connection's own.
        cacheable: whether it is sent as a GET, which caches on the way may answer.
        partial: whether data beside errors is an answer.
    """

    document: GraphQLDocument
    variables: Mapping[str, Any]
    headers: tuple[tuple[str, str], ...] = ()
    cacheable: bool = False
    partial: bool = False


@final
class GraphQLDriver:
    """Any API that is spoken to in GraphQL over HTTP.

    Args:
        transport: how.
        settings: where and as whom.
        clock, nonce: effects, for signatures.
    """

    def __init__(
        self,
        transport: StreamingTransport,
        settings: GraphQLSettings,
        *,
        clock: Clock | None = None,
        nonce: Callable[[], str] = secrets.token_hex,
    ) -> None:
        self.settings = settings
        self.rest = RestDriver(transport, settings, clock=clock, nonce=nonce)
        self.provider = self.rest.provider
        keyed = settings.idempotency_header or settings.idempotency_variable
        self.capabilities = Capabilities(
            frozenset(),
            idempotency=Idempotency.NATIVE if keyed else Idempotency.NONE,
            key_length_max=settings.key_length_max,
        )
        self._errors = ErrorTable(settings.host, {**_CODES, **settings.known})
        self._coded = {code for _, code in self._errors.known if code is not None}

    async def send(self, call: GraphQLCall, key: str | None) -> GraphQLAnswer:
        """Send it once; what it answers, if that is data.

        Raises:
            GraphQLError: it reports errors.
            ProviderError: what its errors, or its status, mean.
        """
        persisted = self.settings.persisted and call.document.kind == "query"
        reply = await self._exchange(call, key, text=not persisted)
        answer = answer_in(reply, self.secrets())
        if persisted and answer is not None and _unknown_digest(answer):
            reply = await self._exchange(call, key, text=True)
            answer = answer_in(reply, self.secrets())
        if answer is None:
            raise self._formless(reply)
        if not answer.errors and reply.status < 300:
            return answer
        if call.partial and answer.data and reply.status < 300:
            return answer
        raise self._refused(call.document, answer, reply)

    @property
    def subscriptions_path(self) -> str:
        """Where subscriptions are sent."""
        return self.settings.subscriptions_path or self.settings.path

    def secrets(self) -> Sequence[str]:
        """What must not be shown if the API quotes it."""
        return self.rest.secrets()

    async def _exchange(self, call: GraphQLCall, key: str | None, *, text: bool) -> Response:
        document, variables = call.document, call.variables
        if key is not None and self.settings.idempotency_variable is not None:
            variables = _with(variables, self.settings.idempotency_variable.split("."), key)
        asked: dict[str, Any] = {"query": document.text} if text else {}
        if document.name is not None:
            asked["operationName"] = document.name
        if variables:
            asked["variables"] = variables
        if self.settings.persisted and document.kind == "query":
            digest = {"version": 1, "sha256Hash": document.digest}
            asked["extensions"] = {"persistedQuery": digest}
        headers = (*call.headers, ("accept", ACCEPT))
        if call.cacheable:
            query = {
                name: one if isinstance(one, str) else msgspec.json.encode(one).decode()
                for name, one in asked.items()
            }
            target = target_of(self.settings.path, query, self.secrets())
            request = RestRequest(method="GET", target=target, headers=headers)
        else:
            request = RestRequest(
                method="POST",
                target=self.settings.path,
                headers=(*headers, ("content-type", JSON)),
                body=msgspec.json.encode(asked),
            )
        return await self.rest.exchange(request, key)

    def _formless(self, reply: Response) -> ProviderError:
        """The error for what is not in GraphQL's form."""
        if reply.status >= 300:
            return self.rest.refusal(reply)
        return UnexpectedResponseError(
            f"the answer of {self.provider} has neither data nor errors: is {self.settings.path} "
            "where it takes GraphQL?",
            provider=self.provider,
            status=reply.status,
            outcome_known=False,
        )

    def _refused(
        self, document: GraphQLDocument, answer: GraphQLAnswer, reply: Response
    ) -> ProviderError:
        """The error for an answer with errors, or with data and a status that is no success."""
        if not answer.errors:
            return self.rest.refusal(reply)
        reported = self.reported(answer)
        if document.kind == "mutation" and _has_begun(document, answer):
            error = OutcomeUnknownError(
                f"{reported}; the mutation has acted, in part at least: look at the data of the "
                "GraphQLError behind this",
                provider=self.provider,
                status=reply.status,
                vendor_code=reported.vendor_code,
            )
            error.retryable = False
        elif _acted(answer):
            return reported
        else:
            error = self._meant(document, answer, reply)
        if error is None:
            return reported
        error.__cause__ = reported
        return error

    def _meant(
        self, document: GraphQLDocument, answer: GraphQLAnswer, reply: Response
    ) -> ProviderError | None:
        """By the first code that is known, else by the status; None where neither says more."""
        known = next((one for one in answer.errors if one.code in self._coded), None)
        if known is not None:
            quota = quota_left(answer.extensions)
            return self._errors.error(
                Problem(
                    status=reply.status,
                    code=known.code,
                    message=known.message,
                    retry_after=None if quota is None else quota.reset_in,
                )
            )
        if reply.status >= 300 and reply.status not in _ANSWERED:
            return self.rest.refusal(reply)
        doubtful = any(one.path and one.code is None for one in answer.errors)
        if doubtful and document.kind == "mutation" and self.settings.uncoded == "unknown":
            return OutcomeUnknownError(
                f"{self.provider} reports: {answer.errors[0].message}; an error without a code may "
                'come from a mutation that has acted (see the setting "uncoded")',
                provider=self.provider,
                status=reply.status,
            )
        return None

    def reported(self, answer: GraphQLAnswer) -> GraphQLError:
        """The error for what it reports."""
        first: ReportedError = answer.errors[0]
        more = f" and {len(answer.errors) - 1} more" if len(answer.errors) > 1 else ""
        where = f" at {'.'.join(map(str, first.path))}" if first.path else ""
        return GraphQLError(
            f"{self.provider} reports{where}: {first.message}{more}",
            errors=answer.errors,
            data=answer.value(),
            provider=self.provider,
            status=answer.status,
            vendor_code=first.code,
            outcome_known=True,
        )


def _has_begun(document: GraphQLDocument, answer: GraphQLAnswer) -> bool:
    """Whether a mutation has acted, or a part of it may have.

    A null that may not be one makes null of what holds it, up to all data; where it came from, the
    path still says: below a field, which has run, or beside others, which may have.
    """
    deep = any(len(one.path) > 1 for one in answer.errors)
    beside = not document.alone and any(one.path for one in answer.errors)
    return deep or beside or _acted(answer)


def _acted(answer: GraphQLAnswer) -> bool:
    """Whether any of the operation's own fields gave something."""
    data = answer.value()
    return bool(data) and any(one is not None for one in data.values())


def _unknown_digest(answer: GraphQLAnswer) -> bool:
    return any(one.code in _NOT_PERSISTED or one.message in _NOT_PERSISTED for one in answer.errors)


def _with(variables: Mapping[str, Any], path: Sequence[str], key: str) -> Mapping[str, Any]:
    """The variables with the key at a place among them, whose objects are made where missing."""
    name, *rest = path
    inner: Any = variables.get(name)
    value = key if not rest else _with(inner if isinstance(inner, dict) else {}, rest, key)  # pyright: ignore[reportUnknownArgumentType] - of anything
    return {**variables, name: value}
