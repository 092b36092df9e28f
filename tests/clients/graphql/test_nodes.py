"""Relay connections, page by page."""

from dataclasses import dataclass

import pytest

from hardpoint.core.errors import InvalidRequestError, UnexpectedResponseError

PRODUCTS = """
query Products($after: String) {
  shop { products(after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }
}
"""


@dataclass
class Node:
    id: int


def paged(pages, *, edges=False):
    """Gives what the API answers: pages by the cursor they begin at."""

    def answer(asked):
        ids, following = pages[asked.variables.get("after")]
        nodes = [{"id": one} for one in ids]
        info = {"hasNextPage": following is not None, "endCursor": following}
        listed = {"edges": [{"node": one} for one in nodes]} if edges else {"nodes": nodes}
        return {"shop": {"products": {**listed, "pageInfo": info}}}

    return answer


PAGES = {None: ([1, 2], "a"), "a": ([], "b"), "b": ([3], None)}


@pytest.mark.parametrize("edges", [False, True])
def test_all_nodes_come_in_order(api, edges):
    api.fake.on("Products", paged(PAGES, edges=edges))
    shop = api.client()
    assert api.items(shop.nodes(PRODUCTS, at="shop.products", into=Node)) == [
        Node(1),
        Node(2),
        Node(3),
    ]
    assert [one.variables for one in api.fake.asked] == [{}, {"after": "a"}, {"after": "b"}]
    assert api.items(shop.nodes(PRODUCTS, at="shop.products", start="b")) == [{"id": 3}]


def test_one_goes_on_where_another_has_stopped(api):
    api.fake.on("Products", paged(PAGES))
    nodes = api.client().nodes(PRODUCTS, at="shop.products")
    assert nodes.cursor is None
    api.items(nodes)
    assert nodes.cursor == "b"


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ({None: ([1], "a"), "a": ([2], "a")}, "was there before"),
        ({None: ([1], "a"), "a": ([2], "b"), "b": ([3], "a")}, "was there before"),
        ({None: ([1], "")}, "no endCursor"),
        ({None: ([1], 7)}, "no endCursor"),
        ({None: ([1], "a"), "a": ([], "b"), "b": ([], "c"), "c": ([], "d")}, "3th page"),
    ],
)
def test_no_list_goes_in_a_circle_or_on_for_ever(api, pages, words):
    api.fake.on("Products", paged(pages))
    nodes = api.client().nodes(PRODUCTS, at="shop.products", pages_max=3)
    with pytest.raises(UnexpectedResponseError, match=words):
        api.items(nodes)
    assert api.attempts <= 3


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"shop": None}, "no pageInfo in shop.products"),
        ({"shop": [1]}, "no pageInfo"),
        ({"shop": {"products": {"nodes": [], "pageInfo": 1}}}, "no pageInfo"),
        ({"shop": {"products": {"nodes": 3, "pageInfo": {}}}}, "does not fit"),
        ({"shop": {"products": {"pageInfo": {}}}}, "does not fit"),
        ({"shop": {"products": {"edges": [1], "pageInfo": {}}}}, "does not fit"),
    ],
)
def test_what_is_no_connection_says_so(api, data, words):
    api.fake.on("Products", data)
    with pytest.raises(UnexpectedResponseError, match=words):
        api.items(api.client().nodes(PRODUCTS, at="shop.products", into=Node))


@pytest.mark.parametrize("at", ["", "a..b", "."])
def test_a_place_needs_names(api, at):
    with pytest.raises(InvalidRequestError):
        api.client().nodes(PRODUCTS, at=at)
