import copy
import os
import pickle
import stat
import traceback
from pathlib import Path

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret, _exposure

CANARY = "canary-7f3a9b"


def private(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def problem_of(secret: Secret) -> str:
    with pytest.raises(ConfigurationError) as caught:
        secret.reveal()
    return caught.value.problem


def test_a_value_is_revealed_and_shown_nowhere_else() -> None:
    secret = Secret.value(CANARY)
    assert secret.reveal() == CANARY
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret:>8}", f"{[secret]}"):
        assert CANARY not in shown
    assert f"{secret:>6}" == "  ****"


def test_a_reference_is_shown_and_its_value_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARDPOINT_CANARY", CANARY)
    secret = Secret.env("HARDPOINT_CANARY")
    assert repr(secret) == "Secret(env:HARDPOINT_CANARY)"
    assert str(secret) == "****"


def test_secrets_are_the_same_if_they_name_the_same_place() -> None:
    assert Secret.env("A") == Secret.env("A")
    assert len({Secret.env("A"), Secret.env("A"), Secret.env("B"), Secret.file("A")}) == 3
    one = Secret.value("x")
    assert one == one  # noqa: PLR0124
    assert one != Secret.value("x")
    assert Secret.env("A") != "env:A"


def test_a_secret_travels_neither_by_pickle_nor_by_copy() -> None:
    secret = Secret.value(CANARY)
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leave(secret)


def test_a_traceback_with_its_variables_shows_no_secret() -> None:
    def use(secret: Secret) -> None:
        raise RuntimeError(f"{secret!r} and {secret}")

    try:
        use(Secret.value(CANARY))
    except RuntimeError as error:
        told = "".join(
            traceback.TracebackException.from_exception(error, capture_locals=True).format()
        )
    assert CANARY not in told.replace(f'"{CANARY}"', "").replace(f"CANARY = '{CANARY}'", "")


def test_an_environment_variable_is_read_anew_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = Secret.env("HARDPOINT_TEST_SECRET")
    assert problem_of(secret) == "the environment variable is not set"
    monkeypatch.setenv("HARDPOINT_TEST_SECRET", "one")
    assert secret.reveal() == "one"
    monkeypatch.setenv("HARDPOINT_TEST_SECRET", "two")
    assert secret.reveal() == "two"
    monkeypatch.setenv("HARDPOINT_TEST_SECRET", "\ufeffthree")
    assert secret.reveal() == "three"


@pytest.mark.parametrize("name", ["", "A B", "1A", "A=B", "\u00c4", "A-B", "A\n"])
def test_what_is_no_environment_variables_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError):
        Secret.env(name)


@pytest.mark.parametrize("blank", ["", " ", "\n", "\t  \n"])
def test_a_blank_value_is_refused(blank: str) -> None:
    assert problem_of(Secret.value(blank)) == "the secret is empty"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"abc", "abc"),
        (b"abc\n", "abc"),
        (b"abc\r\n", "abc"),
        (b"abc\n\n", "abc\n"),
        (b"abc\r", "abc\r"),
        (b"\xef\xbb\xbfabc\n", "abc"),
        (" caf\u00e9 ".encode(), " caf\u00e9 "),
    ],
)
def test_a_file_is_read_without_its_last_line_end(
    tmp_path: Path, content: bytes, text: str
) -> None:
    assert Secret.file(private(tmp_path / "key", content)).reveal() == text


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o660, 0o666, 0o222, 0o444 | 0o020])
def test_a_file_that_others_may_write_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = private(tmp_path / "key", b"abc", mode)
    with pytest.raises(ConfigurationError) as caught:
        Secret.file(path).reveal()
    assert caught.value.problem == "others may write it"
    assert caught.value.fix == f"chmod go-w {path}"


@pytest.mark.parametrize("mode", [0o444, 0o440, 0o644, 0o640, 0o604])
def test_a_file_as_orchestrators_mount_it_is_taken_with_one_warning(
    tmp_path: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Kubernetes and Docker mount secrets 0444 or 0440, and behind a link."""
    private(tmp_path / "..data", b"abc", mode)
    path = tmp_path / "key"
    path.symlink_to("..data")
    for _ in range(3):
        assert Secret.file(path).reveal() == "abc"
    [warning] = caplog.records
    assert (warning.name, warning.levelname) == ("hardpoint", "WARNING")
    assert warning.getMessage() == (
        f"file:{path}: others may read it; where you can: chmod 600 {path}"
    )
    assert Secret.file(path).exposure() == "others may read it"


def test_a_file_of_another_user_than_us_and_root_is_worth_a_warning() -> None:
    """Only root could make one for a test."""

    def owned_by(uid: int) -> os.stat_result:
        return os.stat_result((stat.S_IFREG | 0o400, 0, 0, 1, uid, 0, 0, 0, 0, 0))

    assert _exposure(owned_by(os.geteuid() + 12_345)) == "it belongs to another user"
    assert _exposure(owned_by(os.geteuid())) is _exposure(owned_by(0)) is None


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700, 0o611])
def test_a_file_that_only_its_owner_reads_is_nothing_to_warn_of(
    tmp_path: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    secret = Secret.file(private(tmp_path / "key", b"abc", mode))
    assert (secret.reveal(), secret.exposure()) == ("abc", None)
    assert caplog.records == []


def test_what_is_no_file_is_exposed_to_nobody(tmp_path: Path) -> None:
    for secret in (
        Secret.env("A"),
        Secret.value("a"),
        Secret.file(tmp_path / "no"),
        Secret.file("a\0"),
    ):
        assert secret.exposure() is None


def test_a_missing_file_says_why_it_cannot_be_read(tmp_path: Path) -> None:
    assert "No such file" in problem_of(Secret.file(tmp_path / "none"))


def test_what_is_no_regular_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir(0o700)
    for name in ("pipe", "folder"):
        assert problem_of(Secret.file(tmp_path / name)) == "is not a regular file"


def test_an_impossible_path_is_refused() -> None:
    assert problem_of(Secret.file("a\0b")) == "is not a path"


def test_a_file_too_large_or_not_text_is_refused(tmp_path: Path) -> None:
    assert "larger" in problem_of(Secret.file(private(tmp_path / "large", b"x" * 65_537)))
    assert Secret.file(private(tmp_path / "most", b"x" * 65_536)).reveal() == "x" * 65_536
    assert problem_of(Secret.file(private(tmp_path / "raw", b"\xff"))) == "is not UTF-8 text"


def test_a_refused_file_leaves_no_descriptor_open(tmp_path: Path) -> None:
    open_files = Path("/dev/fd")
    before = len(list(open_files.iterdir()))
    for _ in range(20):
        problem_of(Secret.file(tmp_path))
    assert len(list(open_files.iterdir())) == before


def test_a_reference_names_an_environment_variable_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARDPOINT_TEST_SECRET", "from env")
    private(tmp_path / "key", b"from file")
    key = "webhooks.billing.secrets[0]"
    assert Secret.parse("env:HARDPOINT_TEST_SECRET", key=key).reveal() == "from env"
    assert Secret.parse("file:key", key=key, folder=tmp_path).reveal() == "from file"
    assert Secret.parse(f"file:{tmp_path}/key", key=key, folder=Path("/x")).reveal() == "from file"
    monkeypatch.chdir(tmp_path)
    assert Secret.parse("file:key", key=key).reveal() == "from file"


@pytest.mark.parametrize("text", ["", "  ", CANARY, f"value:{CANARY}", "env:", "env:a b", "file:"])
def test_a_literal_in_place_of_a_reference_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Secret.parse(text, key="webhooks.billing.secrets[0]")
    assert caught.value.key == "webhooks.billing.secrets[0]"
    assert CANARY not in str(caught.value)
