"""Through a list, page by page: one call each, and never in a circle."""

from collections.abc import Mapping
from typing import Any, Generic, final
from urllib.parse import parse_qsl, urlsplit

from hardpoint.clients.rest.answers import (
    DOCUMENT,
    Into,
    at_pointer,
    check_readable,
    converted,
    decoded,
    unexpected,
)
from hardpoint.clients.rest.calling import RestCalls, RestOptions
from hardpoint.clients.rest.paging import Paging, RestPage
from hardpoint.core.errors import InvalidRequestError


@final
class PageWalk(Generic[Into]):
    """The items of one list; see `RestClient.pages` for the arguments.

    Attributes:
        cursor: the page whose items are being given; None before the first and at the end.
    """

    def __init__(
        self,
        calls: RestCalls,
        path: str,
        params: Mapping[str, object],
        options: RestOptions,
        *,
        into: type[list[Into]],
        paging: Paging,
        items: str,
        pages_max: int,
        start: str | None,
    ) -> None:
        if items and not items.startswith("/"):
            raise InvalidRequestError("is no JSON pointer: write /data", field="items")
        check_readable(into)
        self._calls = calls
        self._into = into
        self._paging = paging
        self._pointer = items
        self._options = options
        self._left = pages_max
        self._most = pages_max
        self._number = 0
        self._operation = path
        self._query: dict[str, Any] = {**dict(options.query or {}), **paging.first()}
        self._path, target = calls.target(path, params, self._query)
        if start is not None:
            self._query = dict(parse_qsl(urlsplit(start).query, keep_blank_values=True))
            calls.url(start)  # is it a path at all?
        self._target: str | None = target if start is None else start
        self._seen: set[str] = set()
        self._items: list[Into] = []
        self.cursor = start

    async def next(self) -> Into:
        """The next item.

        Raises:
            StopAsyncIteration: there is none.
        """
        while not self._items:
            self.cursor = self._target
            if self._target is None:
                raise StopAsyncIteration
            await self._turn(self._target)
        return self._items.pop()

    async def _turn(self, target: str) -> None:
        """Have the next page, and know which comes after it."""
        calls, provider = self._calls, self._calls.provider
        answer = await calls.page(self._operation, target, self._options)
        document = decoded(answer, DOCUMENT, provider, calls.secrets)
        found = at_pointer(document, self._pointer) if self._pointer else document
        items = converted(answer, found, self._into, provider, calls.secrets)
        page = RestPage(
            answer=answer,
            document=document,
            items=len(items),
            number=self._number,
            query=self._query,
        )
        self._number += 1
        self._seen.add(target)
        following = self._following(target, self._paging.after(page))
        if following is not None and following in self._seen:
            raise unexpected(answer, "leads to a page that was there before", provider)
        self._left -= 1
        if following is not None and not self._left:
            raise unexpected(answer, f"is not the last, and the {self._most}th page", provider)
        self._target = following
        items.reverse()
        self._items = items

    def _following(self, target: str, said: Mapping[str, Any] | str | None) -> str | None:
        if said is None:
            return None
        if isinstance(said, str):
            found = self._calls.below(target, said)
            self._query = dict(parse_qsl(urlsplit(found).query, keep_blank_values=True))
            return found
        self._query = {**self._query, **said}
        return self._calls.query(self._path, self._query)
