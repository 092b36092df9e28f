"""A package for a vendor's adapter: settings, driver, error table, fake, tests and questions.

What a specification says goes through `python_name` and `_plain` before it is written into code, so
that no text of it can become code, a comment's end or a path.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import urlsplit

from hardpoint.core.errors import ConfigurationError
from hardpoint.specialist.openapi import ApiDescription, ApiOperation, numbered, python_name
from hardpoint.specialist.templates import (
    CLIENT,
    CODES,
    ERRORS,
    FAKE,
    MANIFEST,
    PROJECT,
    QUERY,
    README,
    RESEARCH,
    TESTS,
)

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{1,30}", re.ASCII)
_TAKEN: Final[Sequence[str]] = ("self", "document", "idempotency_key", "target", "reply")
_OPERATIONS_MAX: Final = 200
_EXAMPLE: Final = (
    ApiOperation("get_thing", "get", "/things/{id}", "", ("id",), (), False, None, ""),
    ApiOperation("create_thing", "post", "/things", "", (), (), True, "Idempotency-Key", ""),
)
_REPEATS: Final = {
    "safe": "A read: it may be repeated.",
    "idempotent": "It may be repeated: a second time changes nothing.",
    "key": "It acts: it may be repeated under the same key.",
    "never": "It acts, and no key is known: it is never repeated once it may have arrived.",
}


@dataclass(frozen=True, slots=True)
class _Field:
    """A parameter: what it is called in Python, and at the vendor."""

    name: str
    written: str


def adapter_files(name: str, api: ApiDescription | None) -> dict[str, str]:
    """The files of an adapter by their names, relative to its folder.

    Args:
        name: the vendor's, as a Python module may be named.
        api: its specification, where there is one.

    Raises:
        ConfigurationError: the name cannot be one, or there are too many operations.
    """
    if _NAME.fullmatch(name) is None or python_name(name) != name:
        raise ConfigurationError(
            "NAME", f"{name!r} is no name for a module", fix="Lower case letters, digits and _"
        )
    operations = _EXAMPLE if api is None else api.operations
    if len(operations) > _OPERATIONS_MAX:
        raise ConfigurationError(
            "--from-openapi",
            f"has {len(operations)} operations; an adapter has the few that are used",
            fix="Name those: --only '/v1/deals*'",
        )
    host, prefix = _address(name, api)
    words = {
        "NAME": name,
        "TITLE": name.replace("_", " ").title(),
        "CLASS": "".join(part.title() for part in name.split("_")),
        "HOST": host,
        "PREFIX": repr(prefix),
        "OPERATIONS": "\n\n".join(_method(one) for one in operations),
        "ROUTES": "\n".join(f"    {line}" for line in _routes(operations, prefix)),
        "CASES": "\n".join(f"    {line}" for line in _cases(operations)),
        **_imports(operations),
        "STATUSES": "\n".join(_codes(api)),
        "TABLE": "\n".join(
            f"| `{one.name}` | {one.method.upper()} {_plain(one.path)} | {one.repeat} |"
            for one in operations
        ),
        "QUESTIONS": "\n".join(_questions(api)),
    }
    package = f"src/hardpoint_{name}"
    parts = {
        "pyproject.toml": PROJECT,
        "README.md": README,
        "RESEARCH.md": RESEARCH,
        f"{package}/__init__.py": MANIFEST,
        f"{package}/client.py": CLIENT,
        f"{package}/errors.py": ERRORS,
        f"{package}/codes.md": CODES,
        f"{package}/fake.py": FAKE,
        f"{package}/py.typed": "",
        f"tests/test_{name}.py": TESTS,
    }
    return {path: _filled(text, words) for path, text in parts.items()}


def chosen_operations(api: ApiDescription, globs: Sequence[str]) -> ApiDescription:
    """A specification with the operations alone whose path or name a glob matches.

    Raises:
        ConfigurationError: none does.
    """
    kept = [
        one
        for one in api.operations
        if any(fnmatchcase(one.path, glob) or fnmatchcase(one.name, glob) for glob in globs)
    ]
    if not kept:
        names = ", ".join(one.path for one in api.operations[:3])
        raise ConfigurationError("--only", "matches no operation", fix=f"There are {names}, ...")
    return replace(api, operations=tuple(kept))


_SEGMENT: Final = "from hardpoint.provider import segment\n"


def _imports(operations: Sequence[ApiOperation]) -> dict[str, str]:
    """What the driver needs, and nothing that it does not."""
    asked = any(one.query_names for one in operations)
    names = [*(["Mapping"] if any(one.has_body for one in operations) else [])]
    names += ["Sequence"] if asked else []
    lines = [f"from collections.abc import {', '.join(names)}"] if names else []
    lines += ["from urllib.parse import urlencode"] if asked else []
    return {
        "IMPORTS": "\n".join([*lines, "", ""]) if lines else "",
        "SEGMENT": _SEGMENT if any(one.path_names for one in operations) else "",
        "QUERY": QUERY if asked else "",
    }


def _filled(text: str, words: dict[str, str]) -> str:
    """`@WORD@` in its place; once through, so that what is put in is not looked at again."""
    return re.sub(r"@([A-Z]+)@", lambda found: words[found[1]], text)


def _address(name: str, api: ApiDescription | None) -> tuple[str, str]:
    for url in api.servers if api else ():
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme == "https" and re.fullmatch(r"[a-z0-9.-]+", host):
            path = parts.path.rstrip("/")
            return host, path if re.fullmatch(r"[\w./-]*", path) else ""
    return f"api.{name.replace('_', '-')}.example", ""


def _plain(text: str) -> str:
    """Letters, digits and what is harmless in code, Markdown and a docstring."""
    return " ".join(re.sub(r"[^\w ,.'/{}-]", " ", text, flags=re.ASCII).split())


def _fields(names: Sequence[str], taken: dict[str, int]) -> list[_Field]:
    return [_Field(numbered(python_name(written), taken), written) for written in names]


def _shape(one: ApiOperation) -> tuple[list[_Field], list[_Field]]:
    taken: dict[str, int] = dict.fromkeys(_TAKEN, 1)
    path = _fields(list(dict.fromkeys(one.path_names)), taken)
    return path, _fields(list(dict.fromkeys(one.query_names)), taken)


def _method(one: ApiOperation) -> str:
    """One operation: one request, and its answer as it came."""
    path, query = _shape(one)
    given = [f"{field.name}: str" for field in path]
    given += ["document: Mapping[str, object]"] if one.has_body else []
    named = [f"{field.name}: str | None = None" for field in query]
    named += ["idempotency_key: str"] if one.repeat == "key" else []
    signature = ", ".join(["self", *given, *(["*", *named] if named else [])])
    told = _plain(one.summary).strip(" .'") or f"{one.method.upper()} {_plain(one.path)}"
    lines = [f"    async def {one.name}({signature}) -> object:"]
    lines += [f'        """{told[:70]}. {_REPEATS[one.repeat]}"""']
    lines += [f"        target = PREFIX + {_target(one.path, path)}"]
    if query:
        pairs = ", ".join(f"({field.written!r}, {field.name})" for field in query)
        lines += [f"        target += _query([{pairs}])"]
    options = ["document=document"] if one.has_body else []
    if one.key_header and one.repeat == "key":
        options += [f"headers=[({one.key_header!r}, idempotency_key)]"]
    sent = ", ".join([repr(one.method.upper()), "target", *options])
    lines += [f"        return self._answer(await self._api.send({sent}))"]
    return "\n".join(lines)


def _target(path: str, fields: Sequence[_Field]) -> str:
    by_written = {field.written: field.name for field in fields}
    parts: list[str] = []
    for literal, name in re.findall(r"([^{}]*)(?:\{([^{}]+)\})?", path):
        parts += [repr(literal)] if literal else []
        parts += [f"segment({by_written[name]})"] if name else []
    return " + ".join(parts) or repr("/")


def _routes(operations: Sequence[ApiOperation], prefix: str) -> Iterator[str]:
    """What the fake knows: method, pattern of the path, name, and the header of a key."""
    for one in operations:
        pieces = re.split(r"\{[^{}]+\}", one.path)
        pattern = re.escape(prefix) + "[^/]+".join(re.escape(piece) for piece in pieces)
        acts = one.method != "get"
        key = (one.key_header or "").lower() if one.repeat == "key" else ""
        yield f"({one.method.upper()!r}, {pattern!r}, {one.name!r}, {acts}, {key!r}),"


def _call(one: ApiOperation) -> str:
    path, _ = _shape(one)
    given = [repr("1") for _ in path] + (["{}"] if one.has_body else [])
    given += ['idempotency_key="key-1"'] if one.repeat == "key" else []
    return f"{one.name}({', '.join(given)})"


def _cases(operations: Sequence[ApiOperation]) -> Iterator[str]:
    for one in operations:
        yield f"({one.name!r}, lambda api: api.{_call(one)}),"


def _codes(api: ApiDescription | None) -> Iterator[str]:
    """A row for each status that is named; what it means is for a person."""
    errors = {
        400: "InvalidRequestError",
        401: "AuthenticationError",
        403: "PermissionDeniedError",
        404: "NotFoundError",
        409: "ConflictError",
        422: "InvalidRequestError",
        429: "RateLimitedError",
        503: "UnavailableError",
    }
    named = {401, 404, 429, 503} | {one for one in (api.statuses if api else ()) if one in errors}
    for status in sorted(named):
        words = "What it means here is not known yet. | Ask the vendor, and write it here."
        yield f"| {status} | | {errors[status]} | | {words} |"


def _questions(api: ApiDescription | None) -> Iterator[str]:
    webhooks = ", ".join(_plain(one) for one in api.webhooks) if api else ""
    security = ", ".join(_plain(one) for one in api.security) if api else ""
    yield f"- Credentials: {security or 'which'}? With which least scopes? How are they rotated?"
    yield f"- Webhooks ({webhooks or 'none is named'}): which header has the signature, by which"
    yield "  algorithm, in which encoding, over which bytes, and how old may it be?"
    yield "- For how long is an event repeated that nobody acknowledged? What is its id?"
    yield "- Which operations take an idempotency key, and for how long is it kept?"
    yield "- Which error codes are there? Which of them mean that a later try may succeed?"
    yield "- How many calls in which time; is `Retry-After` sent, in seconds or as a date?"
    yield "- Is there a sandbox, and which values make it fail in which way?"
    yield "- How is money written: in minor units, with how many digits for yen and dinars?"
