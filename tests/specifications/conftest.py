"""Vendors' own specifications, given as files: `make conformance SPECS=DIR`.

What our drivers send and what our fakes answer is held to them. "How hardpoint is attacked" in the
docs names each file and where its vendor publishes it.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS30Validator, OAS31Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from hardpoint.fakes.server import FakeServer


class Specification:
    """One OpenAPI document."""

    def __init__(self, path: Path) -> None:
        text = path.read_text().replace('"$ref":"#/', '"$ref": "#/')
        document = json.loads(text.replace('"$ref": "#/', '"$ref": "urn:spec#/'))
        self._kind = OAS31Validator if document["openapi"] >= "3.1" else OAS30Validator
        self._open, self._closed = document, json.loads(json.dumps(document))
        _close(self._closed, {id(one) for one in self._composed(self._closed)})
        self._paths = {
            re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(template))): template
            for template in document["paths"]
        }

    def _composed(self, value):
        """Schemas that are only a part of what they describe: those below an `allOf`."""
        if isinstance(value, dict):
            for one in value.get("allOf", ()) if isinstance(value.get("allOf"), list) else ():
                yield self._of(self._closed, one)
        for one in value.values() if isinstance(value, dict) else value:
            if isinstance(one, dict | list):
                yield from self._composed(one)

    def check(self, request, reply) -> None:
        """Fail unless both are what the vendor says."""
        template = next(
            (one for path, one in self._paths.items() if path.fullmatch(request.path)), None
        )
        assert template is not None, f"there is no {request.path}"
        operation = self._closed["paths"][template].get(request.method.lower())
        assert operation is not None, f"{template} knows no {request.method}"
        self._check_query(operation, request)
        if request.body:
            self._check_body(operation, request)
        answered = self._open["paths"][template][request.method.lower()]["responses"]
        assert str(reply.status) in answered or "default" in answered, reply.status
        told = self._of(self._open, answered.get(str(reply.status), answered.get("default")))
        schema = told.get("content", {}).get("application/json", {}).get("schema")
        if schema is not None:
            self._validate(self._open, schema, json.loads(reply.body))

    def _check_query(self, operation, request) -> None:
        known = [self._of(self._closed, one) for one in operation.get("parameters", ())]
        names = {one["name"] for one in known if one["in"] == "query"}
        assert {name for name, _ in request.query()} <= names

    def _check_body(self, operation, request) -> None:
        if "requestBody" not in operation:
            assert json.loads(request.body) == {}
            return
        wanted = self._of(self._closed, operation["requestBody"])["content"]
        kind = request.headers["content-type"].partition(";")[0]
        assert kind in wanted, f"{kind} is not taken"
        schema = wanted[kind]["schema"]
        if kind == "application/json":
            self._validate(self._closed, schema, json.loads(request.body))
        else:
            self._validate(self._closed, schema, self._read(schema, request.form()))

    def _read(self, schema, pairs) -> dict[str, Any]:
        """A form's values in the types that are asked for."""
        found: dict[str, Any] = {}
        for name, value in pairs:
            about = self._of(self._closed, schema["properties"].get(name, {}))
            match about.get("type"):
                case "array":
                    found.setdefault(name, []).append(value)
                case "integer" | "number" | "boolean":
                    found[name] = json.loads(value)
                case _:
                    assert name not in found, f"{name} stands twice"
                    found[name] = value
        return found

    def _validate(self, document, schema, value) -> None:
        resource = DRAFT202012.create_resource(document)
        registry = Registry().with_resource("urn:spec", resource)
        errors = self._kind(schema, registry=registry).iter_errors(value)
        assert [f"{error.json_path}: {error.message}" for error in errors] == []

    def _of(self, document, value):
        while "$ref" in value:
            found = document
            for part in value["$ref"].removeprefix("urn:spec#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            value = found
        return value


def _close(value, parts) -> None:
    """What we send has no field that a schema does not name, though it may not say so."""
    if isinstance(value, dict):
        whole = not {"allOf", "anyOf", "oneOf"} & value.keys() and id(value) not in parts
        if "properties" in value and whole:
            value.setdefault("additionalProperties", False)
        for one in value.values():
            _close(one, parts)
    elif isinstance(value, list):
        for one in value:
            _close(one, parts)


@pytest.fixture(scope="session")
def specification():
    """Reads one of the given files."""
    folder = os.environ.get("SPECS")
    if not folder:
        raise FileNotFoundError("no specifications are given: make conformance SPECS=DIR")

    def read(name: str) -> Specification:
        path = Path(folder) / name
        if not path.is_file():
            raise FileNotFoundError(f"{name} is not in {folder}")
        return Specification(path)

    return read


class Watched:
    """A fake vendor that keeps what it was asked and what it answered."""

    def __init__(self, vendor) -> None:
        self._vendor = vendor
        self.name = vendor.name
        self.ledger = vendor.ledger
        self.seen = []

    def answer(self, request):
        reply = self._vendor.answer(request)
        self.seen.append((request, reply))
        return reply


@pytest.fixture
def watched():
    """Serves a fake vendor; gives its URL and what passed."""
    servers = []

    def serve(vendor):
        server = FakeServer(Watched(vendor))
        server.start()
        servers.append(server)
        return server.url, server.app.seen

    yield serve
    for server in servers:
        server.stop()
