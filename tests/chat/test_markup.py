"""The markup is values: what a string holds is text, whoever wrote it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.chat import (
    Bullets,
    Hyperlink,
    Mention,
    Quote,
    Span,
    bold,
    bullets,
    code,
    italic,
    link,
    mention,
    plain,
    quote,
)
from hardpoint.chat.markup import ChatText, checked_text
from hardpoint.core.errors import InvalidRequestError

SHOP = "https://shop.example/"
TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=30)
SPANS = st.one_of(
    TEXTS,
    TEXTS.map(bold),
    TEXTS.map(italic),
    TEXTS.map(lambda text: bold(italic(text))),
    TEXTS.map(code),
    TEXTS.map(lambda text: link(f"x{text}".replace("\n", ""), SHOP)),
    TEXTS.map(lambda text: mention("U1", f"x{text}")),
)
WRITINGS = st.lists(
    st.one_of(
        SPANS,
        st.lists(SPANS, max_size=3).map(lambda parts: quote(*parts)),
        st.lists(st.lists(SPANS, max_size=2), max_size=3).map(lambda items: bullets(*items)),
    ),
    max_size=6,
)


def test_a_string_is_one_span_whatever_it_holds() -> None:
    assert checked_text("<b>*x*</b>") == (Span(text="<b>*x*</b>"),)
    assert checked_text(["a", "", "b"]) == (Span(text="a"), Span(text="b"))


def test_styles_are_laid_over_each_other() -> None:
    assert bold(italic("x")) == Span(text="x", bold=True, italic=True)
    assert italic(bold(link("x", SHOP))) == Hyperlink(text="x", url=SHOP, bold=True, italic=True)
    assert quote("a", bold("b")) == Quote(parts=(Span(text="a"), Span(text="b", bold=True)))
    assert bullets("a", ["b", "c"]) == Bullets(
        items=((Span(text="a"),), (Span(text="b"), Span(text="c")))
    )
    assert mention("U1", "Ann") == Mention(user="U1", name="Ann")


@pytest.mark.parametrize("style", [bold, italic])
@pytest.mark.parametrize("part", [code("x"), mention("U1", "Ann"), quote("x"), 5, None])
def test_what_takes_no_style_is_refused(style, part) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        style(part)
    assert caught.value.field == "text"


@pytest.mark.parametrize("part", [quote("x"), bullets("x"), 5, None])
def test_a_line_holds_no_blocks(part) -> None:
    for make in (quote, bullets, lambda one: bullets([one])):
        with pytest.raises(InvalidRequestError):
            make(part)


def test_without_markup_it_is_lines() -> None:
    text = checked_text(
        ["a ", bold("b"), quote("c"), bullets("d", ["e", "f"]), mention("U", "Ann")]
    )
    assert plain(text) == "a b\nc\n- d\n- ef\n@Ann"


@given(WRITINGS)
def test_every_text_that_is_taken_is_kept_whole(writing) -> None:
    try:
        text = checked_text(writing)
    except InvalidRequestError:
        return  # it is empty
    kept = msgspec.json.decode(msgspec.json.encode(text), type=ChatText)
    assert kept == text
    shown = plain(text)
    for part in writing:
        if isinstance(part, str):
            assert part.strip("\n") in shown


def test_what_is_said_is_not_shown_where_values_are_shown() -> None:
    from hardpoint.chat import NewFile, NewPost

    new = NewPost(key="k", text=checked_text(["secret ", bold("thing")]))
    assert "secret" not in repr(new)
    assert "text=<12 characters>" in repr(new)
    assert "content=<3 bytes>" in repr(NewFile(key="k", name="a", content=b"abc"))
