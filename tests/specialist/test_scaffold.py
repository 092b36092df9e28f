"""An adapter that is written passes its own tests and its types at once, whatever the file says."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.specialist.openapi import described
from hardpoint.specialist.scaffold import adapter_files, chosen_operations

QUERY = {"in": "query"}
KEY = {"in": "header", "name": "X-Request-Id"}
HOSTILE = '\'""" \\ ${x} @CLASS@ {y} \n import os  # é'
SPECIFICATIONS: dict[str, dict[str, Any]] = {
    "bare": {"/x": {"get": {}}},
    "hostile": {
        "/a'b/{x\"y}": {
            "get": {"operationId": HOSTILE, "summary": HOSTILE},
            "post": {"summary": "a\\", "requestBody": {}, "parameters": [KEY]},
        }
    },
    "clashes": {
        "/deals/{deal-id}/{deal_id}/{self}/{document}": {
            "get": {
                "operationId": "class",
                "parameters": [
                    {**QUERY, "name": one} for one in ("from", "deal-id", "self", "target")
                ],
            },
            "put": {"operationId": "class", "requestBody": {}},
        },
        "/deals/{other}": {"delete": {"operationId": "Class"}},
    },
    "circles": {
        "/a": {"$ref": "#/paths/~1a"},
        "/b": {"patch": {"parameters": [{"$ref": "#/paths/~1a"}], "requestBody": {}}},
        "/c/{id}": {"head": {}, "post": {"parameters": [KEY]}},
    },
    "prefixed": {
        "/": {"get": {"parameters": [{**QUERY, "name": "$filter'"}]}},
        "/x.y": {"post": {}},
    },
}


def specification(folder: Path, name: str) -> Path:
    path = folder / f"{name}.json"
    document = {
        "openapi": "3.1.0",
        "info": {"title": HOSTILE, "version": "1"},
        "servers": [{"url": "http://plain.example"}, {"url": "https://api.crm.example/v2/"}],
        "webhooks": {HOSTILE: {}},
        "paths": SPECIFICATIONS[name],
    }
    path.write_text(json.dumps(document))
    return path


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter from each specification, and one from none, side by side."""
    folder = tmp_path_factory.mktemp("adapters")
    apis = {name: described(specification(folder, name)) for name in SPECIFICATIONS}
    for name, api in {**apis, "acme": None}.items():
        for path, text in adapter_files(name, api).items():
            target = folder / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    return folder


def test_their_own_tests_pass(written: Path) -> None:
    sources = [str(one) for one in written.glob("*/src")]
    assert len(sources) == len(SPECIFICATIONS) + 1
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "."],
        cwd=written,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sources), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout


def test_their_types_are_right(written: Path) -> None:
    settings = {
        "include": ["."],
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
        "extraPaths": [str(one) for one in written.glob("*/src")],
        "reportMissingTypeStubs": False,
    }
    (written / "pyrightconfig.json").write_text(json.dumps(settings))
    ended = subprocess.run(
        [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable],
        cwd=written,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout


def test_the_audit_finds_nothing_in_them(written: Path) -> None:
    from hardpoint.audit.choosing import Choice, shown
    from hardpoint.audit.scanning import scan

    assert shown(scan([written], root=written).findings, Choice()) == []


@pytest.mark.parametrize("name", ["Acme", "a", "1x", "../x", "class", "a-b", "é", "x" * 40, "a__b"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="no name for a module"):
        adapter_files(name, None)


def test_a_whole_api_is_too_much_for_an_adapter(tmp_path: Path) -> None:
    paths = {f"/p{number}": {"get": {}} for number in range(201)}
    path = tmp_path / "api.json"
    path.write_text(json.dumps({"openapi": "3.0.0", "paths": paths}))
    api = described(path)
    with pytest.raises(ConfigurationError, match="has 201 operations"):
        adapter_files("acme", api)
    assert len(chosen_operations(api, ["/p1?", "get_p7"]).operations) == 11
    with pytest.raises(ConfigurationError, match="matches no operation"):
        chosen_operations(api, ["/q*"])


def test_the_command_writes_once_and_shows_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hardpoint.cli.main import main

    monkeypatch.chdir(tmp_path)
    run: Callable[..., int] = lambda *arguments: main(list(arguments))  # noqa: E731
    assert run("new", "adapter", "acme", "--dry-run") == 0
    assert not (tmp_path / "hardpoint-acme").exists()
    source = specification(tmp_path, "bare")
    from_it = ("--from-openapi", str(source), "--only", "/*")
    assert run("new", "adapter", "acme", *from_it) == 0
    assert (tmp_path / "hardpoint-acme" / "RESEARCH.md").exists()
    assert "hardpoint-acme/pyproject.toml" in capsys.readouterr().out
    assert run("new", "adapter", "acme") == 5
