"""Lists that come page by page: how to find the next one.

link()                                the header `Link: <...>; rel="next"`
cursor("/meta/next", "after")         a value of the page, sent as a parameter
cursor("/links/next")                 an address in the page
page()                                page=1, 2, 3 ... until one is empty
offset(limit=100)                     offset=0, and so many more as came, until none does
by(function)                          whatever a function makes of the page
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, cast, final

import msgspec

from hardpoint.clients.rest.answers import RestAnswer, at_pointer
from hardpoint.core.errors import InvalidRequestError

PAGES_MAX: Final = 10_000

_LINK: Final = re.compile(r"\s*<([^<>]{0,8192})>([^,<\"]*(?:\"[^\"]*\"[^,<\"]*)*)(?:,|\Z)")
_REL: Final = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)
_LINKS_CHARACTERS_MAX: Final = 32 * 1024


@final
class RestPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page, as `by(function)` sees it.

    Attributes:
        answer: as it came.
        document: its body, read as JSON.
        items: how many items it has.
        number: 0 for the first.
        query: what was asked for.
    """

    answer: RestAnswer
    document: Any
    items: int
    number: int
    query: Mapping[str, Any]


class Paging(Protocol):
    """Finds the next page."""

    def first(self) -> Mapping[str, Any]:
        """What the first page is asked for, beside the caller's own query."""
        ...

    def after(self, page: RestPage) -> Mapping[str, Any] | str | None:
        """What to ask for next: what changes in the query, or an address; None at the end."""
        ...


def link(rel: str = "next") -> Paging:
    """The next page is where the header `Link` says (RFC 8288)."""
    return _Link(rel)


def cursor(pointer: str, param: str | None = None) -> Paging:
    """The next page is named in this one.

    Args:
        pointer: where, as a JSON pointer; the list ends where nothing stands there.
        param: the parameter of the query that carries it; without one it is an address.

    Raises:
        InvalidRequestError: it is no JSON pointer.
    """
    if not pointer.startswith("/"):
        raise InvalidRequestError("is no JSON pointer: write /meta/next", field="pointer")
    return _Cursor(pointer, param)


def page(param: str = "page", *, first: int = 1) -> Paging:
    """Pages are counted; the list ends with one that is empty."""
    return _Counted(param, first, None, None)


def offset(
    param: str = "offset", *, limit: int | None = None, limit_param: str = "limit"
) -> Paging:
    """Items are counted; the list ends where no more come.

    Args:
        param: says how many to leave out.
        limit: how many to ask for at a time; the API may give fewer.
        limit_param: says so.
    """
    return _Counted(param, 0, limit, limit_param)


def by(function: Callable[[RestPage], Mapping[str, Any] | str | None]) -> Paging:
    """A function finds the next page; see `Paging.after`."""
    return _By(function)


@final
class _Link:
    def __init__(self, rel: str) -> None:
        self._rel = rel.lower()

    def first(self) -> Mapping[str, Any]:
        return {}

    def after(self, page: RestPage) -> str | None:
        text = ", ".join(page.answer.headers.all("link"))  # it may be repeated: RFC 9110, 5.3
        for url, parameters in _LINK.findall(text[:_LINKS_CHARACTERS_MAX]):
            found = _REL.search(parameters)
            if found and self._rel in (found[1] or found[2] or "").lower().split():
                return url
        return None


@final
class _Cursor:
    def __init__(self, pointer: str, param: str | None) -> None:
        self._pointer = pointer
        self._param = param

    def first(self) -> Mapping[str, Any]:
        return {}

    def after(self, page: RestPage) -> Mapping[str, Any] | str | None:
        found = at_pointer(page.document, self._pointer)
        if isinstance(found, bool) or not isinstance(found, (str, int)) or found == "":
            return None
        return str(found) if self._param is None else {self._param: found}


@final
class _Counted:
    def __init__(self, param: str, first: int, limit: int | None, limit_param: str | None) -> None:
        self._param = param
        self._first = first
        self._items = limit_param is not None
        self._limit = {} if limit is None or limit_param is None else {limit_param: limit}

    def first(self) -> Mapping[str, Any]:
        return {self._param: self._first, **self._limit}

    def after(self, page: RestPage) -> Mapping[str, Any] | None:
        if not page.items:
            return None
        step = page.items if self._items else 1
        return {self._param: cast("int", page.query.get(self._param, self._first)) + step}


@final
class _By:
    def __init__(self, function: Callable[[RestPage], Mapping[str, Any] | str | None]) -> None:
        self._function = function

    def first(self) -> Mapping[str, Any]:
        return {}

    def after(self, page: RestPage) -> Mapping[str, Any] | str | None:
        return self._function(page)
