"""The blocking facade of `hardpoint.clients.graphql`; written by scripts/generate_sync."""

from collections.abc import Callable, Iterator, Mapping
from hardpoint.clients.graphql.answers import PartialData, Shape
from hardpoint.clients.graphql.api import DATA
from hardpoint.clients.graphql.walking import PAGES_MAX
from hardpoint.clients.reconnecting import Follow, Gap
from hardpoint.clients.rest.requests import RepeatWord
from hardpoint.runtime.blocking import iterate, run
from types import TracebackType
from typing import Any, Generic, Self
import hardpoint.clients.graphql.api as asynchronous

class GraphQLClient:
    """Asks a GraphQL API through one connection.

    What is not repeated: a mutation whose outcome is unknown, unless the connection names the
    variable or the header of an idempotency key; one with errors beside data, which has acted in
    part; and whatever the API reports as its answer (`GraphQLError`).

    Args:
        driver: the connection's.
        connection: its name, policy and runtime.

    Raises (every verb):
        InvalidRequestError: an argument is wrong (`field` says which), or the operation is of
            another kind than the verb; nothing was sent.
        GraphQLError: the API reports errors: `errors`, `data` beside them, `path` of the first.
        RateLimitedError, AuthenticationError, PermissionDeniedError, NotFoundError: the same, where
            a code says so; the `GraphQLError` is its `__cause__`.
        OutcomeUnknownError: the mutation may have acted. Where it is `repeatable`, make it again
            under its key; else look first.
        UnexpectedResponseError: what came is not GraphQL, or not what was asked for.
        ProviderError, RejectedError, TimedOutError: see `hardpoint.core.errors`.
    """

    def __init__(self, wrapped: asynchronous.GraphQLClient) -> None:
        self.asynchronous = wrapped

    def query(self, document: str, variables: Mapping[str, Any] | None=None, *, into: type[Shape]=DATA, operation: str | None=None, headers: Mapping[str, str] | None=None, cacheable: bool=False) -> Shape:
        """Read something, whole: with any error there is no data.

        Args:
            document: a query, with its fragments.
            variables: its values, by name.
            into: what the data has to be: a dataclass, TypedDict, msgspec Struct or pydantic model;
                a dict without.
            operation: which one, where the document has several.
            headers: beside the connection's own.
            cacheable: send it as a GET, which caches on the way may answer.
        """
        return run(self.asynchronous.query(document, variables, into=into, operation=operation, headers=headers, cacheable=cacheable))

    def query_partial(self, document: str, variables: Mapping[str, Any] | None=None, *, into: type[Shape]=DATA, operation: str | None=None, headers: Mapping[str, str] | None=None) -> PartialData[Shape]:
        """Read what there is: data, and beside it why some of it is missing.

        Args:
            document: see `query`.
            variables: see `query`.
            into: see `query`; what may be missing may be None in it.
            operation: see `query`.
            headers: see `query`.

        Raises:
            GraphQLError: there is no data at all.
        """
        return run(self.asynchronous.query_partial(document, variables, into=into, operation=operation, headers=headers))

    def mutate(self, document: str, variables: Mapping[str, Any] | None=None, *, into: type[Shape]=DATA, operation: str | None=None, headers: Mapping[str, str] | None=None, idempotency_key: str | None=None, repeat: RepeatWord | None=None) -> Shape:
        """Have something done.

        Args:
            document: a mutation.
            variables: see `query`.
            into: see `query`.
            operation: see `query`.
            headers: see `query`.
            idempotency_key: names this call: the same key acts once, by the API's word where the
                connection says where a key goes, else by the journal. In a handler a call without
                one gets the job's own.
            repeat: what a repeat does, where you know better: `idempotent` if it sets a state.
        """
        return run(self.asynchronous.mutate(document, variables, into=into, operation=operation, headers=headers, idempotency_key=idempotency_key, repeat=repeat))

    def nodes(self, document: str, variables: Mapping[str, Any] | None=None, *, at: str, into: type[Shape]=DATA, after: str='after', operation: str | None=None, headers: Mapping[str, str] | None=None, pages_max: int=PAGES_MAX, start: str | None=None) -> 'GraphQLNodes[Shape]':
        """The nodes of a Relay connection, page by page; each page is a query of its own.

        Args:
            document: a query that asks for `pageInfo { hasNextPage endCursor }` and for `nodes`, or
                `edges { node }`.
            variables: see `query`; those of the first page.
            at: where the connection stands in the data, `shop.products`.
            into: what each node has to be.
            after: the variable that says where a page begins.
            operation: see `query`.
            headers: see `query`.
            pages_max: what has more is refused.
            start: the `cursor` of an earlier iterator, to go on there.

        Raises (while iterating):
            UnexpectedResponseError: there is no connection, a page comes a second time, or there
                are more than `pages_max`.
        """
        return GraphQLNodes(self.asynchronous.nodes(document, variables, at=at, into=into, after=after, operation=operation, headers=headers, pages_max=pages_max, start=start))

    def subscribe(self, document: str, variables: Mapping[str, Any] | None=None, *, into: type[Shape]=DATA, operation: str | None=None, headers: Mapping[str, str] | None=None, resume: Callable[[Any], Mapping[str, Any]] | None=None, follow: Follow | None=None) -> 'GraphQLSubscription[Shape]':
        """Be told, as it happens: `async with shop.subscribe(ORDERS) as orders`.

        Each connection is opened under the policy, with the credentials of the moment. One that
        breaks is followed by another, which subscribes again. GraphQL has no way to ask for what
        was missed, so that a `Gap` stands among the results, unless `resume` says it in variables.

        Args:
            document: a subscription.
            variables: see `query`.
            into: what the data of each result has to be.
            operation: see `query`.
            headers: see `query`.
            resume: of the last result that was given: variables that ask for what comes after it.
            follow: how to wait, when to give up, the longest silence and the largest result.

        Raises (while iterating):
            GraphQLError: a result with errors; the next one may be asked for. Or the subscription
                was refused, and is over.
            UnexpectedResponseError: it was closed with a code that says not to come again.
            UnsupportedError: blocking code, and `subscriptions` is not `sse`.
        """
        return GraphQLSubscription(self.asynchronous.subscribe(document, variables, into=into, operation=operation, headers=headers, resume=resume, follow=follow))


class GraphQLNodes(Generic[Shape]):
    """The nodes of a connection, one after another."""

    def __init__(self, wrapped: asynchronous.GraphQLNodes[Shape]) -> None:
        self.asynchronous = wrapped

    @property
    def cursor(self) -> str | None:
        """Where to go on, for `nodes(start=...)`: at the page whose nodes are being given.

        None on the first page.
        """
        return self.asynchronous.cursor

    def __iter__(self) -> Iterator[Shape]:
        return iterate(self.asynchronous.__aiter__())


class GraphQLSubscription(Generic[Shape]):
    """The results of a subscription: within its block, an iterator, however often it breaks."""

    def __init__(self, wrapped: asynchronous.GraphQLSubscription[Shape]) -> None:
        self.asynchronous = wrapped

    def __enter__(self) -> Self:
        run(self.asynchronous.__aenter__())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return run(self.asynchronous.__aexit__(kind, error, trace))

    def __iter__(self) -> Iterator[Shape | Gap]:
        return iterate(self.asynchronous.__aiter__())
