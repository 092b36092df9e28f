import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hardpoint.cli.failures import CommandError, Exit
from hardpoint.cli.inputs import address_from, headers_from, moment_from

Cli = Callable[..., Any]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1700000000", 1_700_000_000.0),
        ("1700000000.5", 1_700_000_000.5),
        ("2023-11-14T22:13:20Z", 1_700_000_000.0),
        ("2023-11-14T23:13:20+01:00", 1_700_000_000.0),
    ],
)
def test_a_moment_is_unix_seconds_or_iso_8601(text: str, moment: float) -> None:
    assert moment_from("--at", text) == moment


@pytest.mark.parametrize(
    "text", ["", "nan", "-1", "1e9", "yesterday", "2023-11-14T22:13:20", "1234567890123", "١٢"]
)
def test_any_other_moment_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="--at is neither") as caught:
        moment_from("--at", text)
    assert caught.value.exit_code == Exit.USAGE


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/x", "http://localhost/x", "https://[::1]:1/x"]
)
def test_this_machine_needs_no_live(url: str) -> None:
    assert address_from(url, live=False) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/hook",
        "https://shop.example/hook",
        "https://127.0.0.1.shop.example/",
        "http://0.0.0.0:8000/",
        "http://169.254.169.254/",
    ],
)
def test_anywhere_else_is_refused_without_live(url: str) -> None:
    with pytest.raises(CommandError, match="is not this machine") as caught:
        address_from(url, live=False)
    assert caught.value.exit_code == Exit.REFUSED
    assert "--live" in (caught.value.hint or "")


def test_live_allows_https_and_only_that() -> None:
    assert address_from("https://shop.example/hook", live=True) == "https://shop.example/hook"
    with pytest.raises(CommandError, match="--to is not https") as caught:
        address_from("http://shop.example/hook", live=True)
    assert caught.value.exit_code == Exit.USAGE


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example",
        "file:///etc/passwd",
        "http://",
        "http://[::1/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1\\@shop.example/",
        "http://127.0.0.1\t/",
        "http://user:password@127.0.0.1/",
    ],
)
def test_what_is_no_usable_url_is_refused(url: str) -> None:
    with pytest.raises(CommandError, match="--to") as caught:
        address_from(url, live=True)
    assert caught.value.exit_code == Exit.USAGE
    assert "password" not in str(caught.value)


def test_headers_are_read_up_to_an_empty_line(tmp_path: Path) -> None:
    path = tmp_path / "headers"
    path.write_bytes(b"POST /x HTTP/1.1\r\nA:1\r\nx-b:  two \xe9\t\r\n\r\n{not: a header}")
    assert headers_from(str(path)) == [(b"A", b"1"), (b"x-b", b"two \xe9")]


@pytest.mark.parametrize("content", [b"no colon here", b": empty", b"a b: c", b"A: 1\nx HTTP/1.1"])
def test_what_is_no_header_is_refused_by_its_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "headers"
    path.write_bytes(content)
    with pytest.raises(CommandError, match=r"line \d of .* is not 'Name: value'"):
        headers_from(str(path))


def test_a_body_that_cannot_be_read_is_a_wrong_command_line(cli: Cli, folder: Path) -> None:
    run = cli("sign", "stripe", "missing.json", "--secret", "env:SECRET")
    assert run.code == 2
    assert "missing.json cannot be read (No such file or directory)" in run.err


def test_a_body_without_end_is_refused(cli: Cli, folder: Path) -> None:
    huge = folder / "huge"
    huge.touch()
    os.truncate(huge, 32 * 1024 * 1024 + 1)
    run = cli("sign", "stripe", huge, "--secret", "env:SECRET")
    assert run.code == 2
    assert "holds more than 33554432 bytes" in run.err


@pytest.mark.parametrize("literal", ["whsec_live_secret", "", "env:", "env:NOT-A-NAME"])
def test_a_literal_secret_is_refused_and_not_repeated(cli: Cli, literal: str) -> None:
    run = cli("sign", "stripe", "-", "--secret", literal)
    assert run.code == 2
    assert "env:NAME" in run.err
    assert "whsec_live_secret" not in run.out + run.err


def test_without_a_terminal_a_secret_must_be_named(cli: Cli) -> None:
    run = cli("sign", "stripe", "-")
    assert run.code == 2
    assert "no secret was named" in run.err


def test_a_missing_secret_exits_3(cli: Cli) -> None:
    run = cli("sign", "stripe", "-", "--secret", "env:HARDPOINT_NO_SUCH")
    assert run.code == 3
    assert "export HARDPOINT_NO_SUCH=..." in run.err
