"""Lists that come page by page: five ways, each item once, and no way out or round in circles."""

from typing import TypedDict

import pytest

from hardpoint.clients import by, cursor, link, offset, page
from hardpoint.clients.rest.paging import RestPage
from hardpoint.core.errors import (
    InvalidRequestError,
    NotFoundError,
    UnexpectedResponseError,
)
from hardpoint.core.secrets import Secret
from hardpoint.fakes.faults import rate_limit, reset, status
from hardpoint.fakes.messages import FakeReply


class Item(TypedDict):
    n: int


ALL = [{"n": number} for number in range(25)]
SIZE = 10


def number(request, name, otherwise):
    return int(dict(request.query()).get(name, otherwise))


def linked(request):
    at = number(request, "page", 1)
    found = ALL[(at - 1) * SIZE : at * SIZE]
    first, following = "</v2/items?page=1>", f"<../v2/items?page={at + 1}&x=a,b>"
    links = f'{first}; rel="first", {following}; title="a, b"; rel="next"'
    headers = (("link", links),) if at * SIZE < len(ALL) else (("link", "</v2/items>; rel=first"),)
    return FakeReply.json(found, 200, *headers)


def with_cursor(request):
    at = int(dict(request.query()).get("after", "0"))
    following = at + SIZE if at + SIZE < len(ALL) else None
    return {"data": ALL[at : at + SIZE], "meta": {"next": following}}


def with_address(request):
    at = number(request, "at", 0)
    links = {"next": f"?at={at + SIZE}"} if at + SIZE < len(ALL) else {}
    return {"data": ALL[at : at + SIZE], "links": links}


def counted(request):
    at = number(request, "page", 1)
    return ALL[(at - 1) * SIZE : at * SIZE]


def offsets(request):
    at, limit = number(request, "offset", 0), min(number(request, "limit", 5), 7)
    return ALL[at : at + limit]


WAYS = [
    (linked, link(), "", 3),
    (with_cursor, cursor("/meta/next", "after"), "/data", 3),
    (with_address, cursor("/links/next"), "/data", 3),
    (counted, page(), "", 4),
    (offsets, offset(limit=20), "", 5),
    (
        with_cursor,
        by(lambda seen: {"after": 10 * seen.number + 10} if seen.items == SIZE else None),
        "/data",
        3,
    ),
    (with_address, by(lambda seen: seen.document["links"].get("next")), "/data", 3),
]
IDS = ["link", "cursor", "address", "page", "offset", "by query", "by address"]


@pytest.mark.parametrize(("serve", "way", "items", "pages"), WAYS, ids=IDS)
def test_every_item_comes_once_and_in_order(api, serve, way, items, pages):
    api.fake.on("GET /v2/items", serve)
    crm = api.client(base="/v2")
    found = api.items(crm.pages("/items", into=list[Item], page=way, items=items))
    assert (found, api.attempts) == (ALL, pages)


@pytest.mark.parametrize(("serve", "way", "items", "pages"), WAYS, ids=IDS)
def test_a_page_that_fails_is_asked_for_again_and_no_item_comes_twice(
    api, serve, way, items, pages
):
    api.fake.on("GET /v2/items", serve)
    for fault in (status(503), reset("mid_body"), rate_limit("3")):
        api.server.faults.next(fault)
    crm = api.client(base="/v2", attempts=5)
    found = api.items(crm.pages("/items", into=list[Item], page=way, items=items))
    assert (found, api.attempts) == (ALL, pages + 3)
    assert sum(api.clock.waits) >= 3


def test_query_headers_and_places_go_along(api):
    api.fake.on("GET /a/7/items", with_cursor)
    pages = api.client().pages(
        "/a/{id}/items",
        into=list[Item],
        page=cursor("/meta/next", "after"),
        items="/data",
        query={"sort": "n"},
        headers={"x-a": "1"},
        id=7,
    )
    assert api.items(pages) == ALL
    assert api.last.target == "/a/7/items?sort=n&after=20"
    assert api.last.headers["x-a"] == "1"


def test_an_iterator_says_where_to_go_on(api):
    api.fake.on("GET /items", with_cursor)
    crm = api.client()

    def pages(**options):
        way = cursor("/meta/next", "after")
        return crm.pages("/items", into=list[Item], page=way, items="/data", **options)

    first = pages()
    assert first.cursor is None
    if hasattr(first, "__anext__"):
        taken = [api.do(first.__anext__()) for _ in range(13)]
    else:
        items = iter(first)
        taken = [next(items) for _ in range(13)]
    assert (taken, first.cursor) == (ALL[:13], "/items?after=10")
    rest = pages(start=first.cursor)
    assert api.items(rest) == ALL[10:]
    assert rest.cursor is None


def test_an_empty_list_has_no_items(api):
    api.fake.on("GET /items", [])
    assert api.items(api.client().pages("/items", into=list[Item], page=page())) == []


def refused(api, way, items="", **options):
    pages = options.pop("client", None) or api.client()
    with pytest.raises(UnexpectedResponseError) as caught:
        api.items(pages.pages("/items", into=list[Item], page=way, items=items, **options))
    return str(caught.value)


def test_a_page_that_leads_back_is_refused(api):
    api.fake.on("GET /items", {"data": ALL[:2], "meta": {"next": "same"}})
    assert "was there before" in refused(api, cursor("/meta/next", "after"), "/data")
    assert api.server.requests == 2


def test_pages_without_end_are_refused(api):
    api.fake.on(
        "GET /items",
        lambda request: {"data": [{"n": 1}], "meta": {"next": number(request, "after", 0) + 1}},
    )
    way = cursor("/meta/next", "after")
    assert "the 5th page" in refused(api, way, "/data", pages_max=5)
    assert api.server.requests == 5


@pytest.mark.parametrize(
    "where",
    [
        "https://evil.example/v2/items?page=2",
        "//evil.example/v2/items?page=2",
        "http://127.0.0.1:1/v2/items?page=2",
        "ftp://127.0.0.1/v2/items",
        "/other/items?page=2",
        "/v2/../other",
        "/v2/%2e%2e/other",
        "/v22/items",
        "http://user@127.0.0.1/v2/items",
        "http://[",
        "http://127.0.0.1:99999999/",
        "/v2/it ems\\x",
    ],
)
def test_a_page_that_leads_elsewhere_is_refused_and_nothing_goes_there(api, where):
    api.fake.on("GET /v2/items", {"data": [], "next": where})
    crm = api.client(base="/v2", auth="bearer", key=Secret.value("sk_live_123"))
    assert "nothing of this connection goes there" in refused(
        api, cursor("/next"), "/data", client=crm
    )
    assert api.server.requests == 1


def test_an_address_that_is_written_in_full_is_taken(api):
    api.fake.on(
        "GET /v2/items",
        lambda request: {
            "data": [{"n": 1}],
            "next": None if request.query() else f"{api.server.url}/v2/items?page=2",
        },
    )
    crm = api.client(base="/v2")
    assert (
        len(api.items(crm.pages("/items", into=list[Item], page=cursor("/next"), items="/data")))
        == 2
    )


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"data": {"n": 1}}, "does not fit"),
        ({"data": [{"n": "x"}]}, r"\[0\].n"),
        ({}, "does not fit"),
    ],
)
def test_items_that_are_something_else_are_refused(api, document, words):
    api.fake.on("GET /items", document)
    with pytest.raises(UnexpectedResponseError, match=words):
        api.items(api.client().pages("/items", into=list[Item], page=page(), items="/data"))


def test_a_refused_page_is_told(api):
    api.fake.on("GET /items", {}, status=404)
    with pytest.raises(NotFoundError):
        api.items(api.client().pages("/items", into=list[Item], page=page()))


@pytest.mark.parametrize("start", ["https://evil.example/", "items", "/../x"])
def test_a_start_that_is_no_cursor_is_refused(api, start):
    with pytest.raises(InvalidRequestError):
        api.client().pages("/items", into=list[Item], page=page(), start=start)


def test_pointers_begin_with_a_slash(api):
    with pytest.raises(InvalidRequestError, match="JSON pointer"):
        api.client().pages("/items", into=list[Item], page=page(), items="data")
    with pytest.raises(InvalidRequestError, match="JSON pointer"):
        cursor("meta.next", "after")


def test_what_by_sees_is_a_page():
    assert set(RestPage.__struct_fields__) == {"answer", "document", "items", "number", "query"}
