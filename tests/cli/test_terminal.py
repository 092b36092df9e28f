import io
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.cli.failures import Exit, Failure
from hardpoint.cli.tables import Table
from hardpoint.cli.terminal import ReaderGoneError, Terminal, plain

NASTY = st.text(
    alphabet=st.one_of(
        st.sampled_from("\x1b\x07\x9b\x9d\x9c\x90[]m;0P\\\n\r\t\u202e\u2066\u200b\x7f\ud800"),
        st.characters(),
    )
)


@given(NASTY)
def test_plain_text_holds_nothing_that_acts_on_a_terminal(text: str) -> None:
    for lines in (False, True):
        clean = plain(text, lines=lines)
        left = {one for one in clean if unicodedata.category(one) in {"Cc", "Cf", "Cs"}}
        assert left <= ({"\n", "\t"} if lines else set())


@given(st.text(alphabet=st.characters(categories=("L", "N", "P", "S", "Zs"))))
def test_plain_text_is_left_as_it_is(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07shown", "shown"),
        ("\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1$r\x1b\\after", "after"),
        ("\x1bcreset", "reset"),
        ("\x1b]0;never ended", "0;never ended"),
        ("\x1b\x1b[0m[31mx", "[31mx"),
        ("a\r\nb\tc", "a b c"),
        ("evil\u202etxt.exe", "eviltxt.exe"),
    ],
)
def test_escapes_go_and_what_they_wrapped_stays(text: str, clean: str) -> None:
    assert plain(text) == clean


def test_lines_are_kept_where_they_are_wanted() -> None:
    assert plain("a\r\n\tb\x1b[2Jc", lines=True) == "a\n\tbc"


def terminal_over(out: io.StringIO, err: io.StringIO) -> Terminal:
    return Terminal(stdin=io.StringIO(), stdout=out, stderr=err)


def test_what_is_shown_and_said_is_cleaned() -> None:
    out, err = io.StringIO(), io.StringIO()
    terminal = terminal_over(out, err)
    terminal.show(None, "a\x1b[2Jb", Table(["ID"], [["x\x1b]0;t\x07\ny"]]))
    terminal.say("c\x07d")
    terminal.fail(Failure(code="c", message="e\x1b[1mf\ng", hint="h\x9b1mi", exit_code=Exit.NO))
    assert out.getvalue() == "ab\nID\nx y\n"
    assert err.getvalue() == "cd\nerror: ef g\nnext:  hi\n"


def test_json_spells_everything_in_ascii() -> None:
    out = io.StringIO()
    terminal = terminal_over(out, io.StringIO())
    terminal.json = True
    terminal.show({"text": "\x1b[2J\x9b\x7fü\ud800"})
    terminal.say("nothing")
    assert out.getvalue().isascii()
    assert not any(ord(one) < 32 or ord(one) == 127 for one in out.getvalue().rstrip("\n"))


def test_a_reader_that_went_away_is_noticed() -> None:
    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    with pytest.raises(ReaderGoneError):
        terminal_over(Closed(), io.StringIO()).show(None, "line")


def test_the_system_terminal_escapes_what_it_cannot_encode(monkeypatch: pytest.MonkeyPatch) -> None:
    paper = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(paper, encoding="ascii"))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    Terminal.system().show(None, "é")
    assert paper.getvalue() == b"\\xe9\n"
