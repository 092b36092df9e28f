"""`hardpoint audit` as people and pipelines use it."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
BAD = "import requests\n\n\ndef ask(url):\n    return requests.get(url)\n"
SIGNED = (
    "import hashlib, hmac\n\n\ndef ok(key, body, given):\n"
    "    return hmac.new(key, body, hashlib.sha256).hexdigest() == given\n"
)
OLD = "def ok(mac, given):\n    return mac.hexdigest() != given\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path / "src")


def git(*arguments: str) -> None:
    settings = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *settings, *arguments], check=True, capture_output=True)


def test_a_finding_is_shown_with_its_line_and_the_way_out(cli: Cli) -> None:
    Path("a.py").write_text(BAD)
    run = cli("audit")
    assert run.code == 1
    assert run.out == (
        "a.py\n"
        "  5: HP301 no-timeout (medium)\n"
        "      return requests.get(url)\n"
        "      no timeout: requests waits for ever.\n"
        "      Give a timeout: 5 to 30 seconds, or one for connecting and one for reading.\n"
        "\n"
        "1 file: 1 finding, 0 places proven to be right\n"
    )
    assert run.err == "next:  hardpoint audit --explain HP301\n"


def test_nothing_found_is_zero(cli: Cli) -> None:
    Path("a.py").write_text(BAD.replace("(url)", "(url, timeout=5)"))
    run = cli("audit", ".")
    assert (run.code, run.out) == (0, "1 file: 0 findings, 1 place proven to be right\n")


def test_what_is_unsure_is_shown_when_asked(cli: Cli) -> None:
    Path("a.py").write_text(
        "import os, aiohttp\n\n\nasync def ask(s: aiohttp.ClientSession):\n"
        "    async with s.get('/x') as r:\n        return await r.text()\n"
        "\n\ndef webhook(request):\n    if request.headers['x-token'] != KEY:\n        return\n"
        "    go(request.body)\n"
    )
    assert cli("audit").code == 0
    run = cli("audit", "--pedantic")
    assert run.code == 1
    assert "HP301 no-timeout (medium) [likely]" in run.out
    assert "HP107 webhook-unverified (high) [unproven]" in run.out


def test_json_has_all_of_it(cli: Cli) -> None:
    Path("a.py").write_text(BAD)
    Path("b.py").write_text("import requests\nprint 1\n")
    run = cli("audit", "--format", "json")
    (finding,) = run.data["findings"]
    assert run.code == 1
    assert finding["rule"] == "HP301"
    assert (finding["path"], finding["line"], finding["column"]) == ("a.py", 5, 12)
    assert finding["page"] == "hardpoint audit --explain HP301"
    assert run.data["files"] == 2
    assert run.data["unread"] == [{"path": "b.py", "why": "not looked at: Python 2"}]
    assert run.data["verdicts"] == {"unproven": 1, "violation": 1}


def test_sarif_is_what_code_scanning_reads(cli: Cli) -> None:
    Path("a.py").write_text(BAD + "# hardpoint: ignore[HP301]\nx = 1\n")
    run = cli("audit", "--format", "sarif")
    (told,) = json.loads(run.out)["runs"]
    first, second = told["results"]
    assert first["ruleId"] == "HP301"
    assert (first["level"], first["kind"]) == ("warning", "fail")
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a.py"
    assert place["region"] == {"startLine": 5, "startColumn": 12}
    assert second["ruleId"] == "HP001"
    assert {"HP301", "HP001"} <= {one["id"] for one in told["tool"]["driver"]["rules"]}


def test_github_is_told_the_line(cli: Cli) -> None:
    Path("a,b.py").write_text(BAD)
    run = cli("audit", "--format", "github")
    assert run.out == (
        "::warning file=a%2Cb.py,line=5,col=12,title=HP301 no-timeout::"
        "no timeout: requests waits for ever\n"
    )


def test_markdown_is_a_table(cli: Cli) -> None:
    assert cli("audit", "--format", "md").out == "Nothing found.\n"
    Path("a.py").write_text(BAD)
    assert (
        "| `a.py:5` | HP301 no-timeout | medium | no timeout:" in cli("audit", "--format", "md").out
    )


def test_rules_are_selected_and_left_out(cli: Cli) -> None:
    Path("a.py").write_text(BAD)
    Path("b.py").write_text(SIGNED)
    assert {one["rule"] for one in cli("audit", "--json").data["findings"]} == {"HP101", "HP301"}
    chosen = cli("audit", "--select", "HP1", "--json").data["findings"]
    assert [one["rule"] for one in chosen] == ["HP101"]
    left = cli("audit", "--ignore", "no-timeout", "--json").data["findings"]
    assert [one["rule"] for one in left] == ["HP101"]
    severe = cli("audit", "--severity", "high", "--json").data["findings"]
    assert [one["rule"] for one in severe] == ["HP101"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "nowhere does not exist"),
        (("--select", "HP9"), "no rule is named 'HP9'"),
        (("--write-baseline",), "--write-baseline needs --baseline FILE"),
        (("--baseline", "none.json"), "No such file"),
        (("--baseline", "a.py"), "no baseline of ours"),
        (("--diff", "-x"), "names no commit"),
        (("--diff", "main"), "--diff: "),
        (("--explain", "nothing"), "no rule is named 'nothing'"),
    ],
)
def test_a_wrong_command_line_is_told(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    Path("a.py").write_text("x = 1\n")
    run = cli("audit", *arguments)
    assert (run.code, said in run.err) == (2, True)
    assert "next:  " in run.err


def test_what_the_baseline_lists_is_let_be_and_nothing_else(cli: Cli) -> None:
    Path("a.py").write_text(BAD)
    written = cli("audit", "--baseline", "known.json", "--write-baseline")
    assert (written.code, written.out) == (0, "1 findings let be by known.json\n")
    Path("a.py").write_text("# above\n" + BAD)
    assert cli("audit", "--baseline", "known.json").code == 0
    Path("a.py").write_text(BAD + BAD)
    run = cli("audit", "--baseline", "known.json", "--json")
    assert [one["line"] for one in run.data["findings"]] == [10]


def test_only_what_changed_is_shown(cli: Cli) -> None:
    git("init", "-q")
    Path("a.py").write_text(BAD)
    Path("gone.py").write_text(BAD)
    git("add", ".")
    git("commit", "-qm", "one")
    assert cli("audit", "--diff", "HEAD").code == 0
    Path("a.py").write_text(BAD + "\n\ndef more(url):\n    requests.put(url)\n")
    Path("gone.py").unlink()
    Path("new.py").write_text(BAD)
    run = cli("audit", "--diff", "HEAD", "--json")
    assert [(one["path"], one["line"]) for one in run.data["findings"]] == [
        ("a.py", 9),
        ("new.py", 5),
    ]


def test_git_that_is_missing_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "--diff needs git" in cli("audit", "--diff", "HEAD").err


def test_an_ignore_needs_a_rule_and_a_reason(cli: Cli) -> None:
    line = "    return requests.get(url)"
    for comment, code, rules in (
        ("# hardpoint: ignore[HP301] streams for hours", 0, []),
        ("# hardpoint: ignore[no-timeout] streams for hours", 0, []),
        ("# hardpoint: ignore[HP304, HP301] streams", 0, []),
        ("# hardpoint: ignore[HP304] streams", 1, ["HP301"]),
        ("# hardpoint: ignore[HP301]", 1, ["HP001", "HP301"]),
        ("# hardpoint: ignore[] all", 1, ["HP001", "HP301"]),
        ("# hardpoint: ignore[HP999] why", 1, ["HP001", "HP301"]),
    ):
        Path("a.py").write_text(BAD.replace(line, f"{line}  {comment}"))
        run = cli("audit", "--no-cache", "--json")
        found = sorted(one["rule"] for one in run.data["findings"])
        assert (run.code, found) == (code, rules), comment


def test_what_is_safe_is_mended(cli: Cli) -> None:
    Path("a.py").write_text(BAD)
    Path("b.py").write_text(SIGNED)
    run = cli("audit", "--fix")
    assert (run.code, run.err) == (0, "2 mended\n")
    assert "requests.get(url, timeout=10)" in Path("a.py").read_text()
    assert "hmac.compare_digest(hmac.new(" in Path("b.py").read_text()


def test_mending_imports_what_it_needs_and_keeps_the_rest(cli: Cli) -> None:
    Path("a.py").write_text(
        '"""Doc é."""\nfrom __future__ import annotations\nfrom hmac import new\n\n\n'
        "def ok(k, b, d, given):\n    é = new(k, b, d).hexdigest()\n    return 'ü' and é != given\n"
    )
    Path("b.py").write_text("from requests import get\nget(u); get()\n")
    run = cli("audit", "--fix", "--select", "HP101", "--select", "HP301")
    assert run.code == 0
    text = Path("a.py").read_text()
    assert "annotations\nimport hmac\nfrom hmac import new\n" in text
    assert "return 'ü' and not hmac.compare_digest(é, given)\n" in text
    assert Path("b.py").read_text().endswith("get(u, timeout=10); get(timeout=10)\n")


def test_a_page_is_printed(cli: Cli) -> None:
    run = cli("audit", "--explain", "no-timeout")
    assert run.code == 0
    assert run.out.startswith("# HP301: A call waits for ever")
    assert cli("audit", "--explain", "hp001").code == 2
    assert cli("audit", "--explain", "HP001").code == 0


def test_the_rules_are_listed(cli: Cli) -> None:
    run = cli("audit", "--rules")
    assert "HP101  signature-compared-with-equals" in run.out
    assert len(cli("audit", "--rules", "--json").data["rules"]) >= 24


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github", "md"])
def test_a_name_that_is_no_text_is_told_all_the_same(cli: Cli, form: str) -> None:
    Path(os.fsdecode(b"caf\xe9.py")).write_text(BAD)
    run = cli("audit", "--format", form)
    assert run.code == 1
    assert "HP301" in run.out
