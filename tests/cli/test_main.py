import os
import resource
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from hardpoint.cli.main import main
from hardpoint.cli.tree import COMMANDS

Cli = Callable[..., Any]
NOWHERE = ("stripe", "charge.refunded", "--to", "http://127.0.0.1:1/nobody")


def shell(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hardpoint", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name, summary in COMMANDS.items():
        assert f"  {name} " in shown
        assert summary in shown


@pytest.mark.parametrize("words", [[], ["events"], ["dlq"], ["oauth"]])
def test_no_summary_in_a_list_of_commands_is_cut(words: list[str]) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "hardpoint", *words, "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=os.environ | {"COLUMNS": "80"},
    ).stdout
    listed = told.partition("Commands:\n")[2].splitlines()
    assert listed
    assert max(map(len, told.splitlines())) <= 80
    assert all(line.endswith(".") and not line.endswith("...") for line in listed), listed


WITHOUT = """
import sys
sys.modules.update(dict.fromkeys({packages!r}))  # None: as if they were not there
from hardpoint.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("packages", "words", "line"),
    [
        (["typer"], ["version"], "hardpoint[serve]"),
        (["typer", "rich", "starlette", "uvicorn"], ["serve"], "hardpoint[serve]"),
        (["rich"], ["demo", "--once"], "hardpoint[serve]"),
        (["uvicorn"], ["serve"], "hardpoint[serve]"),
        (["starlette"], ["serve"], "hardpoint[serve]"),
        (["fastapi"], ["demo", "--once"], "hardpoint[demo,serve]"),
        (["python_multipart"], ["demo", "--once"], "hardpoint[demo,serve]"),
    ],
)
def test_a_command_without_its_extra_names_the_line_that_installs_it(
    packages: list[str], words: list[str], line: str
) -> None:
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(packages=packages), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 3
    assert "which is not installed" in run.stderr
    assert run.stderr.endswith(f"next:  pip install '{line}'\n")


def test_nothing_to_do_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Usage: hardpoint" in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_knows_json(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = get_command(import_module(f"hardpoint.cli.{name}").app)
    for words in [[name, sub] for sub in getattr(command, "commands", {})] or [[name]]:
        assert main([*words, "--help"]) == 0
        shown = capsys.readouterr().out
        assert f"Usage: hardpoint {' '.join(words)}" in shown
        assert "--json" in shown


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{version('hardpoint')}\n"


def test_version_says_what_is_at_work(cli: Cli) -> None:
    run = cli("version")
    assert run.code == 0
    assert run.out.startswith(f"hardpoint {version('hardpoint')}\npython 3.")


def test_the_envelope_has_one_shape(cli: Cli) -> None:
    run = cli("version", "--json")
    assert run.envelope.keys() == {"ok", "data", "error", "meta"}
    assert run.envelope["ok"] is True
    assert run.envelope["error"] is None
    assert run.envelope["meta"].keys() == {"version", "correlation_id"}
    assert run.data["hardpoint"] == version("hardpoint")
    assert run.err == ""


@pytest.mark.parametrize(
    ("arguments", "said", "hint"),
    [
        (["verion"], "No such command 'verion'. Did you mean 'version'", "hardpoint --help"),
        (["version", "--nope"], "No such option: --nope", "hardpoint version --help"),
        (["events"], "Missing command", "hardpoint events --help"),
        (["sign"], "Missing argument", "hardpoint sign --help"),
        (["replay", "evt_1"], "hardpoint events replay", "hardpoint events replay --help"),
    ],
)
def test_a_wrong_command_line_exits_2_and_names_the_help(
    cli: Cli, arguments: list[str], said: str, hint: str
) -> None:
    run = cli(*arguments)
    assert run.code == 2
    assert run.out == ""
    assert said in run.err
    assert run.err.endswith(f"next:  {hint}\n")


def test_a_wrong_command_line_is_told_in_the_envelope_too(cli: Cli) -> None:
    run = cli("version", "--nope", "--json")
    assert run.code == 2
    assert run.error == {
        "code": "usage",
        "message": "No such option: --nope",
        "hint": "hardpoint version --help",
        "docs": "hardpoint --help",
    }
    assert run.err == ""


def test_a_shell_completes_commands_and_their_options() -> None:
    def completed(line: str) -> str:
        words = {
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split(" ")) - 1),
            "_TYPER_COMPLETE_ARGS": line,
        }
        environment = {**os.environ, "_HARDPOINT_COMPLETE": "complete_bash", **words}
        return shell(env=environment).stdout

    assert "trigger" in completed("hardpoint t")
    assert "--header-only" in completed("hardpoint sign --header")
    assert completed("hardpoint nothing x").strip() == ""


def test_a_secret_typed_as_an_argument_is_not_repeated(cli: Cli) -> None:
    run = cli("sign", "stripe", "body.json", "whsec_oops")
    assert run.code == 2
    assert "whsec_oops" not in run.err


def test_an_unforeseen_error_is_one_line(cli: Cli, config: Path) -> None:
    def broken(_: float) -> None:
        raise RuntimeError("whsec_inside")

    run = cli("trigger", *NOWHERE, sleep=broken)
    assert run.code == 1
    assert "error: something unforeseen went wrong (RuntimeError)\n" in run.err
    assert "whsec_inside" not in run.err


def test_debug_shows_the_traceback(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARDPOINT_DEBUG", "1")
    with pytest.raises(Exception, match="No such option"):
        cli("version", "--nope")


def test_an_interrupt_exits_130(cli: Cli, config: Path) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    run = cli("trigger", *NOWHERE, sleep=interrupt)
    assert run.code == 130
    assert "error" not in run.err
    assert cli("trigger", *NOWHERE, "--json", sleep=interrupt).error["code"] == "interrupted"


def test_a_prompt_that_is_closed_exits_130(cli: Cli, folder: Path) -> None:
    def closed(_: str) -> str:
        raise EOFError

    run = cli("sign", "stripe", "-", tty=True, ask=closed)
    assert run.code == 130


def test_without_the_extra_it_says_what_to_install(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    run = cli("version")
    assert run.code == 3
    assert "pip install 'hardpoint[serve]'" in run.err


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(0)"], stdin=subprocess.PIPE
    ) as reader:
        reader.wait()
        assert reader.stdin is not None
        run = subprocess.run(
            [sys.executable, "-m", "hardpoint", "version"],
            stdout=reader.stdin,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    assert (run.returncode, run.stderr) == (141, b"")


def test_as_a_program_it_has_the_same_exit_codes() -> None:
    assert shell("version").returncode == 0
    wrong = shell("version", "--nope")
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr


def test_help_costs_at_most_200_ms_more_than_python_itself() -> None:
    """By CPU time, which other work on the machine changes least."""
    plain = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}

    def cost(*arguments: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], capture_output=True, check=True, env=plain)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    bare: list[float] = []
    ours: list[float] = []
    extra = 1.0
    for _ in range(20):  # interleaved: a busy moment falls on both, and one quiet moment is enough
        bare.append(cost("-c", "pass"))
        ours.append(cost("-m", "hardpoint", "--help"))
        extra = min(ours) - min(bare)
        if extra < 0.2:
            break
    assert extra < 0.2, f"{extra * 1000:.0f} ms"


def test_help_loads_nothing_heavy() -> None:
    probe = (
        "import sys; from hardpoint.cli.main import main; main(['--help'])\n"
        "print(sorted(sys.modules.keys() & {'rich', 'httpx2', 'pydantic', 'msgspec', 'uvicorn',"
        " 'structlog', 'cryptography', 'asyncio', 'importlib.metadata'}))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\n[]\n")
