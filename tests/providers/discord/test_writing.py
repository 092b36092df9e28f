"""No text can become markup: read back by a reader of its own, it says what it said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.chat import bold, bullets, code, italic, link, mention, quote
from hardpoint.chat.markup import checked_text
from hardpoint.core.errors import InvalidRequestError
from hardpoint.providers.discord.writing import notified, written

from .reading import Read

SIGNS = st.text(st.sampled_from("*_~`|\\[]()<>:@#-+.!1a é\n&/"), min_size=1, max_size=25)
LINES = SIGNS.map(lambda text: "x" + text.replace("\n", " "))


def read(*parts, notify=False):
    return Read(written(checked_text(parts), notify=notify))


@given(SIGNS)
def test_a_text_shows_itself_and_nothing_else(text):
    shown = read(f"x{text}x")
    assert (shown.text, shown.styles, shown.odd, shown.people) == (f"x{text}x", {}, [], [])


@given(LINES, LINES)
def test_texts_inside_of_markup_stay_themselves(one, other):
    shown = read(bold(one), " ", italic(other), quote(one), bullets(other, one))
    assert not shown.odd
    assert shown.styles == {
        "bold": [one.strip()],
        "italic": [other.strip()],
        "quote": [one],
        "bullets": [other, one],
    }
    assert read(link(one, "https://shop.example/")).styles == {"link": [one]}


@given(st.lists(st.tuples(LINES, st.sampled_from([bold, italic, str, lambda x: bold(italic(x))]))))
def test_what_stands_side_by_side_is_not_read_as_one(parts):
    if parts:
        shown = read(*[style(text) for text, style in parts])
        assert not shown.odd
        assert shown.text == "".join(text for text, _ in parts)


@pytest.mark.parametrize(
    ("parts", "content"),
    [
        (["a", bold("b"), "c"], "a**b**c"),
        ([bold(italic("b"))], "***b***"),
        ([bold(" b ")], " **b** "),
        ([bold(" ")], " "),
        ([bold("a"), bold("b")], "**a**\u200b**b**"),
        ([code("a"), code("b")], "`a`\u200b`b`"),
        ([code("a`b")], "a\\`b"),
        (["x", code("a\nb")], "x\n```\na\nb\n```"),
        ([code("a\nb"), "x"], "```\na\nb\n```\nx"),
        ([code("a\n```")], "a\n\\`\\`\\`"),
        ([quote("a\nb"), "c"], "> a\n> b\nc"),
        ([bullets("a\nb", "c")], "- a\n  b\n- c"),
        ([quote(code("a\nb"))], "> a\n> b"),
        ([link("a]b", "https://shop.example/(1)")], "[a\\]b](<https://shop.example/%281%29>)"),
        (["1. a\n - b\n# c\n> d"], "1\\. a\n \\- b\n\\# c\n\\> d"),
        (["a - b. c > d # e"], "a - b. c > d # e"),
        (["@everyone https://a.example/"], "\\@everyone https\\://a.example/"),
    ],
)
def test_it_is_written_as_discord_reads_it(parts, content):
    if parts == [bold(" ")]:
        parts = ["", *parts, "x"]
        content += "x"
    assert written(checked_text(parts), notify=False) == content


def test_people_are_told_once_each_and_in_numbers_alone():
    text = checked_text([mention("1", "Ann"), mention("2", "Bo"), quote(mention("1", "Ann"))])
    assert notified(text, notify=True) == ["1", "2"]
    assert notified(text, notify=False) == []
    with pytest.raises(InvalidRequestError, match="nobody's id"):
        written(checked_text([mention("here", "Ann")]), notify=True)
    many = checked_text([mention(str(number), "x") for number in range(101)])
    with pytest.raises(InvalidRequestError, match="more than 100"):
        notified(many, notify=True)
