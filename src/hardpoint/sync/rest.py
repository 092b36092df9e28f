"""The blocking facade of `hardpoint.clients.rest`; written by scripts/generate_sync."""

from collections.abc import Iterator, Mapping
from hardpoint.clients.reconnecting import ALWAYS, Follow, Gap
from hardpoint.clients.rest.answers import Into, RestAnswer
from hardpoint.clients.rest.api import ANSWER
from hardpoint.clients.rest.paging import PAGES_MAX, Paging
from hardpoint.clients.rest.requests import Content, Query, RepeatWord
from hardpoint.clients.sse.parsing import ServerEvent
from hardpoint.http.messages import Headers
from hardpoint.runtime.blocking import iterate, run
from types import TracebackType
from typing import Any, Generic, Self
import hardpoint.clients.rest.api as asynchronous

class RestClient:
    """Calls an API through one connection.

    What is not repeated: a call that acts (POST, PATCH) and whose outcome is unknown, unless the
    connection has an `idempotency_header`; a refusal, but 429 and what says that it did nothing;
    a stream, once its head has come; a body of pieces.

    Args:
        driver: the connection's.
        connection: its name, policy and runtime.

    Raises (every verb):
        InvalidRequestError: an argument is wrong (`field` says which; without `status` nothing was
            sent), or the API says so.
        OutcomeUnknownError: the call may have acted. Where it is `repeatable`, make it again under
            its key; else look first.
        UnexpectedResponseError: it was answered, but not in JSON, or not with what was asked for.
        ProviderError, RejectedError, TimedOutError: see `hardpoint.core.errors`.
    """

    def __init__(self, wrapped: asynchronous.RestClient) -> None:
        self.asynchronous = wrapped

    def get(self, path: str, *, into: type[Into]=ANSWER, query: Query | None=None, headers: Mapping[str, str] | None=None, conditional: bool=False, compressed: bool=False, redirects: int=0, **params: object) -> Into:
        """Read something.

        Args:
            path: below the connection's address, `/deals/{id}`.
            into: what the answer has to be: a dataclass, TypedDict, msgspec Struct, pydantic model,
                or a list of these; without it the `RestAnswer` itself is given.
            query: names and values; None is left out, a list is repeated.
            headers: beside the connection's own.
            conditional: remember the answer, and ask next time whether it has changed.
            compressed: take it compressed, within bounds.
            redirects: how many to follow: on the same host, or to `hosts` without credentials.
            **params: what fills the places in the path.

        Raises:
            NotFoundError: there is no such thing.
        """
        return run(self.asynchronous.get(path, into=into, query=query, headers=headers, conditional=conditional, compressed=compressed, redirects=redirects, **params))

    def head(self, path: str, *, query: Query | None=None, headers: Mapping[str, str] | None=None, redirects: int=0, **params: object) -> RestAnswer:
        """The head of what `get` would give."""
        return run(self.asynchronous.head(path, query=query, headers=headers, redirects=redirects, **params))

    def post(self, path: str, *, into: type[Into]=ANSWER, json: object=None, form: Mapping[str, Any] | None=None, content: Content | None=None, content_type: str | None=None, query: Query | None=None, headers: Mapping[str, str] | None=None, idempotency_key: str | None=None, repeat: RepeatWord | None=None, **params: object) -> Into:
        """Have something done.

        Args:
            path: see `get`.
            into: see `get`.
            json: the body: a document, whatever msgspec can write, or a pydantic model.
            form: or a form.
            content: or bytes, text, the path of a file, or a `BodyStream`.
            content_type: what `content` is.
            query: see `get`.
            headers: see `get`.
            idempotency_key: names this call: the same key acts once, by the API's word where the
                connection has an `idempotency_header`, else by the journal. In a handler a call
                without one gets the job's own.
            repeat: what a repeat does, where you know better than the verb.
            **params: see `get`.
        """
        return run(self.asynchronous.post(path, into=into, json=json, form=form, content=content, content_type=content_type, query=query, headers=headers, idempotency_key=idempotency_key, repeat=repeat, **params))

    def put(self, path: str, *, into: type[Into]=ANSWER, json: object=None, form: Mapping[str, Any] | None=None, content: Content | None=None, content_type: str | None=None, query: Query | None=None, headers: Mapping[str, str] | None=None, if_match: str | None=None, repeat: RepeatWord | None=None, **params: object) -> Into:
        """Set something to a state; see `post`.

        Args:
            path: see `get`.
            into: see `get`.
            json: see `post`.
            form: see `post`.
            content: see `post`.
            content_type: see `post`.
            query: see `get`.
            headers: see `get`.
            if_match: only if this is still its ETag.
            repeat: see `post`.
            **params: see `get`.

        Raises:
            PreconditionFailedError: it has changed since.
        """
        return run(self.asynchronous.put(path, into=into, json=json, form=form, content=content, content_type=content_type, query=query, headers=headers, if_match=if_match, repeat=repeat, **params))

    def patch(self, path: str, *, into: type[Into]=ANSWER, json: object=None, content: Content | None=None, content_type: str | None=None, query: Query | None=None, headers: Mapping[str, str] | None=None, idempotency_key: str | None=None, if_match: str | None=None, repeat: RepeatWord | None=None, **params: object) -> Into:
        """Change something; it counts as a call that acts twice when it comes twice.

        Args:
            path: see `get`.
            into: see `get`.
            json: see `post`.
            content: see `post`.
            content_type: see `post`.
            query: see `get`.
            headers: see `get`.
            idempotency_key: see `post`.
            if_match: see `put`.
            repeat: see `post`; `idempotent` where it sets a state.
            **params: see `get`.

        Raises:
            PreconditionFailedError: it has changed since.
        """
        return run(self.asynchronous.patch(path, into=into, json=json, content=content, content_type=content_type, query=query, headers=headers, idempotency_key=idempotency_key, if_match=if_match, repeat=repeat, **params))

    def delete(self, path: str, *, into: type[Into]=ANSWER, query: Query | None=None, headers: Mapping[str, str] | None=None, if_match: str | None=None, repeat: RepeatWord | None=None, **params: object) -> Into:
        """See that something is there no more, as `put` does; where it was not, most say 404."""
        return run(self.asynchronous.delete(path, into=into, query=query, headers=headers, if_match=if_match, repeat=repeat, **params))

    def request(self, method: str, path: str, *, into: type[Into]=ANSWER, json: object=None, form: Mapping[str, Any] | None=None, content: Content | None=None, content_type: str | None=None, query: Query | None=None, headers: Mapping[str, str] | None=None, idempotency_key: str | None=None, if_match: str | None=None, repeat: RepeatWord | None=None, compressed: bool=False, **params: object) -> Into:
        """Any method, with what verbs take; one of an API's own counts as `needs_key`."""
        return run(self.asynchronous.request(method, path, into=into, json=json, form=form, content=content, content_type=content_type, query=query, headers=headers, idempotency_key=idempotency_key, if_match=if_match, repeat=repeat, compressed=compressed, **params))

    def pages(self, path: str, *, into: type[list[Into]], page: Paging, items: str='', query: Mapping[str, Any] | None=None, headers: Mapping[str, str] | None=None, compressed: bool=False, pages_max: int=PAGES_MAX, start: str | None=None, **params: object) -> 'RestPages[Into]':
        """The items of a list, page by page; each page is a call of its own.

        Args:
            path: see `get`.
            into: what the items of a page have to be, `list[Deal]`.
            page: how the next one is found: `link()`, `cursor(...)`, `page()`, `offset()`, `by(f)`.
            items: where they stand in it, as a JSON pointer; else the page is the list.
            query: of the first page.
            headers: see `get`.
            compressed: see `get`.
            pages_max: what has more is refused.
            start: the `cursor` of an earlier iterator, to go on there.
            **params: see `get`.

        Raises (while iterating):
            UnexpectedResponseError: a page comes a second time, leads to another place than this
                connection's, or there are more than `pages_max`.
        """
        return RestPages(self.asynchronous.pages(path, into=into, page=page, items=items, query=query, headers=headers, compressed=compressed, pages_max=pages_max, start=start, **params))

    def stream(self, method: str, path: str, *, json: object=None, content: Content | None=None, content_type: str | None=None, query: Query | None=None, headers: Mapping[str, str] | None=None, compressed: bool=False, bytes_max: int | None=None, **params: object) -> 'RestStream':
        """A large answer, in pieces as they come: `async with crm.stream("GET", "/x.csv") as body`.

        The opening is a call under the policy, and repeated as one; what follows never is. The API
        waits while nobody takes a piece. `compressed` takes it compressed, the pieces being what it
        unfolds to; `bytes_max` is the most that is taken, any without. The rest is that of `post`.
        """
        return RestStream(self.asynchronous.stream(method, path, json=json, content=content, content_type=content_type, query=query, headers=headers, compressed=compressed, bytes_max=bytes_max, **params))

    def events(self, path: str, *, query: Query | None=None, headers: Mapping[str, str] | None=None, compressed: bool=False, last_id: str='', follow: Follow=ALWAYS, **params: object) -> 'RestEvents':
        """Server-sent events: `async with crm.events("/stream") as events`.

        Each connection is opened by a GET under the policy. One that breaks, that the API ends or
        that is silent for too long is followed by another, which asks for what comes after the last
        id. Where that cannot be asked for, a `Gap` stands among the events. A 204 is the end. A
        refusal, and what is no stream of events, is raised and not tried again.

        `last_id` is where to begin, `follow` how to go on. The rest is that of `get`.
        """
        return RestEvents(self.asynchronous.events(path, query=query, headers=headers, compressed=compressed, last_id=last_id, follow=follow, **params))

    def curl(self, method: str, path: str, *, json: object=None, form: Mapping[str, Any] | None=None, query: Query | None=None, headers: Mapping[str, str] | None=None, **params: object) -> str:
        """The same call as a command line, with the names of secrets in place of them."""
        return self.asynchronous.curl(method, path, json=json, form=form, query=query, headers=headers, **params)


class RestPages(Generic[Into]):
    """The items of a list, one after another."""

    def __init__(self, wrapped: asynchronous.RestPages[Into]) -> None:
        self.asynchronous = wrapped

    @property
    def cursor(self) -> str | None:
        """Where to go on, for `pages(start=...)`: at the page whose items are being given.

        None before the first page and at the end.
        """
        return self.asynchronous.cursor

    def __iter__(self) -> Iterator[Into]:
        return iterate(self.asynchronous.__aiter__())


class RestStream:
    """A large answer: within its block, an iterator over its pieces."""

    def __init__(self, wrapped: asynchronous.RestStream) -> None:
        self.asynchronous = wrapped

    @property
    def status(self) -> int:
        """Of its head."""
        return self.asynchronous.status

    @property
    def headers(self) -> Headers:
        """Of its head."""
        return self.asynchronous.headers

    def __enter__(self) -> Self:
        run(self.asynchronous.__aenter__())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return run(self.asynchronous.__aexit__(kind, error, trace))

    def __iter__(self) -> Iterator[bytes]:
        return iterate(self.asynchronous.__aiter__())


class RestEvents:
    """A stream of events: within its block, an iterator over them, however often it breaks."""

    def __init__(self, wrapped: asynchronous.RestEvents) -> None:
        self.asynchronous = wrapped

    @property
    def last_id(self) -> str:
        """Of the last event that was given: where to go on, for `events(last_id=...)`."""
        return self.asynchronous.last_id

    def __enter__(self) -> Self:
        run(self.asynchronous.__aenter__())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return run(self.asynchronous.__aexit__(kind, error, trace))

    def __iter__(self) -> Iterator[ServerEvent | Gap]:
        return iterate(self.asynchronous.__aiter__())
