"""What an OpenAPI file says that an integration has to know; remote references are refused."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from hardpoint.core.errors import ConfigurationError
from hardpoint.specialist.vendors import ResearchFact, VendorResearch, questions_without

BYTES_MAX: Final = 50_000_000
_METHODS: Final = ("get", "put", "post", "delete", "patch")
_DEPTH_MAX: Final = 30
_KEYED: Final = re.compile(r"idempot|request-id", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ApiOperation:
    """One operation of an API."""

    name: str
    """A Python name, made of the operation's id, or of method and path."""
    method: str
    path: str
    summary: str
    path_names: tuple[str, ...]
    query_names: tuple[str, ...]
    has_body: bool
    key_header: str | None
    """The header in which it takes an idempotency key."""
    place: str

    @property
    def repeat(self) -> str:
        """Its class: `safe`, `idempotent`, `key`, or `never`."""
        if self.method == "get":
            return "safe"
        if self.key_header:
            return "key"
        return "idempotent" if self.method in {"put", "delete"} else "never"


@dataclass(frozen=True, slots=True)
class ApiDescription:
    """A specification, as far as we use it."""

    title: str
    version: str
    servers: tuple[str, ...]
    security: Mapping[str, Mapping[str, Any]]
    operations: tuple[ApiOperation, ...]
    webhooks: tuple[str, ...]
    statuses: tuple[int, ...]
    headers: tuple[str, ...] = field(default=())


def described(path: Path) -> ApiDescription:
    """Read a specification: JSON, or YAML where PyYAML is installed.

    Raises:
        ConfigurationError: it cannot be read, is none, refers to other files, or has no operation.
    """
    document = _document(path)
    version = str(document.get("openapi", ""))
    if not version.startswith("3."):
        found = (
            f"is of version {document['swagger']}" if "swagger" in document else "is no OpenAPI 3"
        )
        raise _wrong(path, found)
    _refuse_remote(document, path)
    reader = _Reader(document)
    info = _table(document.get("info"))
    operations = tuple(reader.operations())
    if not operations:
        raise _wrong(path, "has no operation")
    urls = [str(_table(one).get("url", "")) for one in _list(document, "servers")]
    schemes = _table(_table(document.get("components")).get("securitySchemes"))
    return ApiDescription(
        str(info.get("title", path.stem)),
        str(info.get("version", "")),
        tuple(urls),
        {str(name): reader.table(one) for name, one in schemes.items()},
        operations,
        tuple(map(str, _table(document.get("webhooks")))),
        tuple(sorted(reader.statuses)),
        tuple(sorted(reader.headers)),
    )


def _document(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise _wrong(path, f"cannot be read: {error.strerror}") from None
    if len(content) > BYTES_MAX:
        raise _wrong(path, f"holds more than {BYTES_MAX} bytes")
    told: Any
    try:
        told = json.loads(content) if path.suffix == ".json" else _yaml(path, content)
    except (ValueError, RecursionError) as error:
        raise _wrong(path, f"cannot be parsed: {type(error).__name__}") from None
    if not isinstance(told, dict):
        raise _wrong(path, "is no OpenAPI 3")
    return told  # pyright: ignore[reportUnknownVariableType]


def _yaml(path: Path, content: bytes) -> Any:
    try:
        yaml: Any = import_module("yaml")
    except ModuleNotFoundError:
        raise ConfigurationError(
            str(path),
            "is YAML, which needs PyYAML",
            fix="pip install pyyaml, or convert it to JSON",
        ) from None
    if content.count(b"&") > 10_000:
        raise _wrong(path, "has too many anchors")
    try:
        return yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


def _refuse_remote(document: Mapping[str, Any], path: Path) -> None:
    """Nothing is fetched, and no other file is read, because a specification says so."""
    waiting: list[tuple[Any, int]] = [(document, 0)]
    seen: set[int] = set()
    while waiting:
        one, depth = waiting.pop()
        if id(one) in seen or depth > 200:
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            reference: object = one.get("$ref")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            if isinstance(reference, str) and not reference.startswith("#/"):
                raise _wrong(path, f"refers to {reference[:80]!r}, which is not read")
            waiting += [(each, depth + 1) for each in one.values()]  # pyright: ignore[reportUnknownVariableType]
        elif isinstance(one, list):
            waiting += [(each, depth + 1) for each in one]  # pyright: ignore[reportUnknownVariableType]


class _Reader:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self.statuses: set[int] = set()
        self.headers: set[str] = set()

    def table(self, value: Any) -> dict[str, Any]:
        """A table, its references followed, a circle of them not for ever."""
        for _ in range(_DEPTH_MAX):
            found = _table(value)
            reference = found.get("$ref")
            if not isinstance(reference, str):
                return found
            value = self._pointed(reference)
        return {}

    def _pointed(self, reference: str) -> Any:
        value: Any = self._document
        for part in reference[2:].split("/"):
            value = _table(value).get(part.replace("~1", "/").replace("~0", "~"))
        return value

    def operations(self) -> Iterator[ApiOperation]:
        used: dict[str, int] = {}
        for path, item in _table(self._document.get("paths")).items():
            table = self.table(item)
            for method in _METHODS:
                if method in table:
                    yield self._operation(str(path), method, table, used)

    def _operation(
        self, path: str, method: str, item: Mapping[str, Any], used: dict[str, int]
    ) -> ApiOperation:
        told = self.table(item[method])
        given = [
            self.table(one) for one in [*_list(item, "parameters"), *_list(told, "parameters")]
        ]
        names = {
            where: tuple(str(one.get("name", "")) for one in given if one.get("in") == where)
            for where in ("query", "header")
        }
        for status, answer in _table(told.get("responses")).items():
            if re.fullmatch(r"[0-9]{3}", str(status)):
                self.statuses.add(int(status))
            self.headers |= set(map(str, _table(self.table(answer).get("headers"))))
        name = numbered(python_name(str(told.get("operationId") or f"{method}_{path}")), used)
        key = next((one for one in names["header"] if _KEYED.search(one)), None)
        return ApiOperation(
            name,
            method,
            path,
            " ".join(str(told.get("summary") or "").split())[:80],
            tuple(re.findall(r"\{([^{}]+)\}", path)),
            names["query"],
            "requestBody" in told,
            key,
            f"#/paths/{path.replace('~', '~0').replace('/', '~1')}/{method}",
        )


def python_name(text: str) -> str:
    """A name that Python takes, whatever a specification says: ASCII, no keyword, not private."""
    import keyword

    text = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text)
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:60] or "operation"
    if name[0].isdigit():
        name = f"n{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


def numbered(name: str, used: dict[str, int]) -> str:
    """The name, or `name_2`, `name_3` where it is in use.

    Args:
        name: what is wanted.
        used: what is in use, each with its last number; the answer is added.
    """
    free = name
    while free in used:
        used[name] += 1
        free = f"{name}_{used[name]}"
    used[free] = 1
    return free


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _list(table: Mapping[str, Any], name: str) -> list[Any]:
    value = table.get(name)
    return value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]


def _wrong(path: Path, problem: str) -> ConfigurationError:
    return ConfigurationError(
        str(path), problem, fix="Give a file of OpenAPI 3 without other files"
    )


def research_file(path: Path) -> VendorResearch:
    """What a specification says of the topics, each with its place, and what it leaves open."""
    api = described(path)
    facts = list(_facts(api, path))
    return VendorResearch(api.title, facts, questions_without([one.topic for one in facts]))


def _facts(api: ApiDescription, path: Path) -> Iterator[ResearchFact]:
    def fact(topic: str, text: str, place: str) -> ResearchFact:
        return ResearchFact(topic, text, f"{path}{place}", api.version)

    for name, scheme in api.security.items():
        kind = " ".join(
            str(scheme.get(one, "")) for one in ("type", "scheme", "in", "name")
        ).split()
        yield fact(
            "authentication", f"{name}: {' '.join(kind)}", f"#/components/securitySchemes/{name}"
        )
    for url in api.servers:
        topic = (
            "sandbox" if re.search(r"sandbox|test|staging|demo", url, re.IGNORECASE) else "address"
        )
        yield fact(topic, url, "#/servers")
    for name in api.webhooks:
        yield fact("webhooks", f"sends {name}; how it is signed is not said", f"#/webhooks/{name}")
    keyed = [one for one in api.operations if one.key_header]
    for one in keyed[:5]:
        yield fact("idempotency", f"{one.name} takes {one.key_header}", one.place)
    if 429 in api.statuses:
        yield fact("limits", "answers 429", "#/paths")
    for header in api.headers:
        if re.search(r"rate|limit|retry", header, re.IGNORECASE):
            yield fact("limits", f"tells {header}", "#/paths")
    refusals = ", ".join(str(one) for one in api.statuses if one >= 400)
    if refusals:
        yield fact("errors", f"statuses {refusals}; codes are not listed", "#/paths")
    kinds = {
        kind: sum(one.repeat == kind for one in api.operations)
        for kind in ("safe", "idempotent", "key", "never")
    }
    yield fact(
        "operations", ", ".join(f"{count} {kind}" for kind, count in kinds.items()), "#/paths"
    )
