from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import FlowError
from hardpoint.oauth.cookies import checked_return

APP = "https://app.acme.example"


@pytest.mark.parametrize(
    "text",
    [
        "/",
        "/orders",
        "/orders/",
        "/orders?page=2&next=https://other.example/",
        "/orders#top",
        "/search?q=a%20b",
        "/a.b/c..d",
        "/?x=%2F%2Fevil.example",
        "/@me",
    ],
)
def test_a_path_of_ours_is_taken_as_it_is(text):
    assert checked_return(text) == text


EVIL = [
    "",
    "evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/%5cevil.example",
    "/%255cevil.example",
    "/%2fevil.example",
    "/%252fevil.example",
    "/%09/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/%0d%0aLocation:%20https://evil.example",
    "/a%0d%0aSet-Cookie:%20x=y",
    " /orders",
    "/orders ",
    "https:evil.example",
    "https:/evil.example",
    "https://evil.example",
    "HTTPS://evil.example",
    "http://shop.example@evil.example/",
    "https://app.acme.example.evil.example/",
    "https://app.acme.example@evil.example/",
    "https://app.acme.example\\.evil.example/",
    "https://app.acme.example//evil.example",
    "https://app.acme.example:443/",
    "https://app.acme.examplé/",
    "javascript:alert(1)",
    "data:text/html,x",
    "/..//evil.example",
    "/../evil",
    "/a/../../evil",
    "/a//evil.example",
    "/./evil",
    "/.%2e//evil.example",
    "/%2e%2e/evil",
    "/\u2025/evil",
    "/\u3002evil",
    "/\x00",
    "/%00",
    "/\ud800",
    "?x=/",
    "#/",
    "/" + "a" * 2000,
]


@pytest.mark.parametrize("text", EVIL)
def test_what_a_browser_could_take_for_another_site_is_refused(text):
    with pytest.raises(FlowError) as caught:
        checked_return(text, [APP])
    assert caught.value.reason == "return_to"


def test_another_site_of_ours_is_taken_where_it_is_listed():
    for text in (APP, f"{APP}/", f"{APP}/orders?x=1"):
        assert checked_return(text, [APP]) == text
        with pytest.raises(FlowError):
            checked_return(text)


@given(st.text(max_size=30), st.sampled_from(["/", "//", "/\\", "/%2f", "https://", ""]))
def test_whatever_is_taken_stays_on_our_host(text, start):
    for candidate in (start + text, start + quote(text)):
        try:
            taken = checked_return(candidate)
        except FlowError:
            continue
        assert taken.startswith("/")
        assert taken[1:2] not in {"/", "\\"}
        assert taken.isascii()
        assert taken.isprintable()
