"""Specifications, awkward and malformed: what they say, and what is refused."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.specialist.openapi import BYTES_MAX, described, python_name, research_file

CRM: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Crm", "version": "7"},
    "servers": [{"url": "https://api.crm.example"}, {"url": "https://sandbox.crm.example"}],
    "components": {
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        "parameters": {"Key": {"in": "header", "name": "Idempotency-Key"}},
    },
    "webhooks": {"deal.won": {}},
    "paths": {
        "/deals": {
            "get": {"operationId": "listDeals", "responses": {"200": {}, "429": {}}},
            "post": {
                "operationId": "listDeals",
                "summary": "Make\n a deal",
                "parameters": [{"$ref": "#/components/parameters/Key"}],
                "requestBody": {},
                "responses": {"201": {"headers": {"X-RateLimit-Left": {}}}, "default": {}},
            },
        },
        "/deals/{id}": {"delete": {"responses": {"404": {}}}, "patch": {}},
    },
}


def write(folder: Path, document: object, name: str = "api.json") -> Path:
    path = folder / name
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def test_operations_have_names_and_classes_of_repeat(tmp_path: Path) -> None:
    api = described(write(tmp_path, CRM))
    assert [(one.name, one.repeat) for one in api.operations] == [
        ("list_deals", "safe"),
        ("list_deals_2", "key"),
        ("delete_deals_id", "idempotent"),
        ("patch_deals_id", "never"),
    ]
    made = api.operations[1]
    assert (made.summary, made.has_body, made.key_header) == (
        "Make a deal",
        True,
        "Idempotency-Key",
    )
    assert api.operations[2].path_names == ("id",)
    assert made.place == "#/paths/~1deals/post"


def test_facts_have_their_place_and_questions_stay(tmp_path: Path) -> None:
    found = research_file(write(tmp_path, CRM))
    told = {(one.topic, one.fact) for one in found.facts}
    assert ("authentication", "key: http bearer") in told
    assert ("sandbox", "https://sandbox.crm.example") in told
    assert ("address", "https://api.crm.example") in told
    assert ("webhooks", "sends deal.won; how it is signed is not said") in told
    assert ("idempotency", "list_deals_2 takes Idempotency-Key") in told
    assert {("limits", "answers 429"), ("limits", "tells X-RateLimit-Left")} <= told
    assert ("errors", "statuses 404, 429; codes are not listed") in told
    assert ("operations", "1 safe, 1 idempotent, 1 key, 1 never") in told
    assert found.questions == []
    assert {one.read for one in found.facts} == {"7"}


def test_what_is_not_said_is_a_question(tmp_path: Path) -> None:
    bare = {"openapi": "3.0.0", "paths": {"/x": {"get": {}}}}
    found = research_file(write(tmp_path, bare))
    assert len(found.questions) == 6


def test_circles_end(tmp_path: Path) -> None:
    circle = {
        "openapi": "3.0.0",
        "components": {"parameters": {"A": {"$ref": "#/components/parameters/A"}}},
        "paths": {
            "/a": {"$ref": "#/paths/~1b"},
            "/b": {"$ref": "#/paths/~1a"},
            "/c": {"get": {"parameters": [{"$ref": "#/components/parameters/A"}, 7]}},
        },
    }
    assert [one.name for one in described(write(tmp_path, circle)).operations] == ["get_c"]


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("{", "cannot be parsed"),
        ("[" * 100_000, "cannot be parsed"),
        ("[]", "is no OpenAPI 3"),
        ({"swagger": "2.0"}, "is of version 2.0"),
        ({"openapi": "3.0.0"}, "has no operation"),
        ({"openapi": "3.0.0", "paths": {"/x": {"$ref": "https://evil.example/x"}}}, "refers to"),
        (
            {"openapi": "3.0.0", "paths": {"/x": {"get": [{"$ref": "../../etc/passwd"}]}}},
            "refers to",
        ),
    ],
)
def test_what_is_no_specification_is_refused(
    tmp_path: Path, document: object, problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        described(write(tmp_path, document))


def test_files_that_are_missing_or_huge_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        described(tmp_path / "none.json")
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(BYTES_MAX + 10)
    with pytest.raises(ConfigurationError, match="holds more than"):
        described(huge)


def test_yaml_is_read_where_it_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "openapi: 3.0.0\npaths:\n  /x:\n    get: {responses: {200: {}}}\n"
    path = write(tmp_path, text, "api.yaml")
    assert [one.name for one in described(path).operations] == ["get_x"]
    for bad in ("a: [", "a: &a 1\n" * 10_001):
        with pytest.raises(ConfigurationError):
            described(write(tmp_path, bad, "bad.yaml"))

    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("hardpoint.specialist.openapi.import_module", missing)
    with pytest.raises(ConfigurationError, match="needs PyYAML"):
        described(path)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("listDeals", "list_deals"),
        ("class", "class_"),
        ("2fa", "n2fa"),
        ("__import__('os').system('x')", "import_os_system_x"),
        ("../../etc", "etc"),
        ('"""', "operation"),
        ("ÄÖ", "operation"),
        ("a" * 100, "a" * 60),
    ],
)
def test_names_are_ones_that_python_takes(text: str, name: str) -> None:
    assert python_name(text) == name
    assert name.isidentifier()


def test_many_operations_of_one_name_are_numbered_in_little_time(tmp_path: Path) -> None:
    paths = {f"/p{one}": {"get": {"operationId": "a"}} for one in range(6000)}
    path = write(tmp_path, {"openapi": "3.0.0", "paths": {**paths, "/q": {"get": {}}}})
    began = time.process_time()
    names = [one.name for one in described(path).operations]
    assert time.process_time() - began < 5
    assert names[:3] + names[-2:] == ["a", "a_2", "a_3", "a_6000", "get_q"]


def test_a_name_that_a_number_would_give_stays_its_own(tmp_path: Path) -> None:
    paths = {f"/{n}": {"get": {"operationId": one}} for n, one in enumerate(("a_2", "a", "a", "a"))}
    api = described(write(tmp_path, {"openapi": "3.0.0", "paths": paths}))
    assert [one.name for one in api.operations] == ["a_2", "a", "a_3", "a_4"]


@pytest.mark.parametrize("status", ["\u00b2", "\u0662\u0660\u0660", "9" * 5000, "2XX", "default"])
def test_a_status_that_is_no_number_is_none(tmp_path: Path, status: str) -> None:
    paths = {"/x": {"get": {"responses": {status: {}, "404": {}}}}}
    assert described(write(tmp_path, {"openapi": "3.0.0", "paths": paths})).statuses == (404,)
