"""The reference of the fakes says what the code does."""

import inspect
import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from hardpoint.cli import fakes as command
from hardpoint.core.providers import load, provider
from hardpoint.fakes import control
from hardpoint.fakes.emitter import Chaos
from hardpoint.fakes.orders import CHAOS_OPTIONS, WORDS, chaos_of, fault_of
from hardpoint.fakes.server import EXCHANGES_KEPT, FakeServer
from hardpoint.fakes.vendors import facts_of, fake, fake_names, fake_server_names

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "fakes.md").read_text()


def section(title: str) -> str:
    found = re.search(rf"^#+ {title}\n(.*?)(?=^#|\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1]


def rows(title: str) -> list[list[str]]:
    """A section's table, without its head, its signs for code and its escapes."""
    lines = [line for line in section(title).splitlines() if line.startswith("| `")]
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]
    return [[cell.replace("\\|", "|").strip().replace("`", "") for cell in row] for row in cells]


def form(word: str, value: str) -> str:
    if not value:
        return word
    return f"{word}[={value[1:-1]}]" if value.startswith("[") else f"{word}={value}"


def test_every_fault_stands_there_in_the_words_of_its_function() -> None:
    assert rows("Faults") == [
        [form(name, word.value), " ".join(inspect.getdoc(word.make).split()).replace("`", "")]
        for name, word in WORDS.items()
    ]


def test_every_word_of_chaos_stands_there_in_the_words_of_its_attribute() -> None:
    said = dict(re.findall(r"^    (\w+): (.*)$", inspect.getdoc(Chaos) or "", re.MULTILINE))
    assert rows("Chaos of webhooks") == [
        [form(name, value), said[name]] for name, (value, _) in CHAOS_OPTIONS.items()
    ]


def test_every_control_stands_there() -> None:
    with FakeServer(fake("stripe")) as server:
        known = [f"{method} {control.CONTROL}{name}" for method, name in server._control._controls]
        server.app.emitter.close()
    assert [row[0] for row in rows("Control them")] == known
    assert f"the last {EXCHANGES_KEPT} requests" in PAGE


@pytest.mark.parametrize("name", [one for one in fake_names() if facts_of(fake(one)).triggers])
def test_every_trigger_of_every_vendor_stands_there(name: str) -> None:
    assert rows(provider(name).title) == [
        [one.field, one.value, one.answer] for one in facts_of(fake(name)).triggers
    ]


@pytest.mark.parametrize("name", fake_server_names())
def test_every_trigger_of_what_serves_itself_stands_there(name: str) -> None:
    assert rows(provider(name).title) == [
        [one.field, one.value, one.answer]
        for one in facts_of(load(provider(name).fake_server)).triggers
    ]


def test_every_fake_has_a_section() -> None:
    titles = {provider(name).title for name in (*fake_names(), *fake_server_names())}
    assert titles == set(re.findall(r"^### (.*)$", PAGE.partition("## Vendors")[2], re.MULTILINE))


def test_every_command_line_is_taken() -> None:
    lines = re.search(r"```sh\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()
    for line in lines:
        _, name, *arguments = shlex.split(line, comments=True)
        assert name == "fakes"
        given = get_command(command.app).make_context(name, arguments).params
        for text in given["fault"] or []:
            fault_of(text.removeprefix("stripe:"))
        for text in given["chaos"] or []:
            chaos_of(text)


def test_every_vendor_stands_there_once() -> None:
    titles = re.findall(r"^### (.*)$", PAGE.partition("## Vendors")[2], re.MULTILINE)
    assert titles == sorted(set(titles))
