"""The design of an integration: each operation, how it may be repeated, and what follows."""

import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any, Final

import hardpoint.core.errors as errors_module
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import PROTOCOLS, load, provider
from hardpoint.hub.ports import PORTS
from hardpoint.hub.settings import Settings
from hardpoint.webhooks.samples import samples

REPEATS: Final = ("safe", "idempotent", "key", "never")
"""A read, a write that may come twice, one that needs a key, one that is never repeated."""
_FRESH: Final = re.compile(r"uuid|random|time|now|token_hex", re.IGNORECASE)
_READS: Final = re.compile(r"^(get|list|find|search|exists|download|read|payments|pages|query)")


@dataclass(frozen=True, slots=True)
class DesignRow:
    """One operation."""

    connection: str
    operation: str
    repeat: str
    key: str
    policy: str
    errors: str
    events: str


@dataclass(frozen=True, slots=True)
class DesignProblem:
    """Something that the table has wrong, or that it lacks."""

    line: int
    told: str


HEAD: Final = [one.name for one in fields(DesignRow)]


def design_text(settings: Settings) -> str:
    """A table of everything that the configuration allows, to cut down to what is used."""
    rows = [row for name in settings.connections for row in _rows(settings, name)]
    lines = [
        "# Design of the integration",
        "",
        "One line for each operation in use: delete the others. `hardpoint design` checks it",
        "against the configuration and the vendors' manifests.",
        "",
        f"| {' | '.join(HEAD)} |",
        f"|{'---|' * len(HEAD)}",
        *(f"| {' | '.join(astuple(row))} |" for row in rows),
        "",
    ]
    return "\n".join(lines)


def _rows(settings: Settings, name: str) -> Iterator[DesignRow]:
    vendor = settings.connections[name].provider
    events = ", ".join(_types(vendor)[:3]) or "-"
    for kind in _kinds(vendor):
        for operation, method in _operations(kind):
            keyed = "idempotency_key" in inspect.signature(method).parameters
            repeat = "key" if keyed else "safe" if _READS.match(operation) else "never"
            yield DesignRow(
                name,
                operation,
                repeat,
                "the order's id" if keyed else "-",
                "the connection's",
                "OutcomeUnknownError" if keyed else "UnavailableError",
                events if keyed else "-",
            )


def _kinds(vendor: str) -> list[Any]:
    """The portable types that a vendor's connections give."""
    ports = [vendor] if vendor in PROTOCOLS else list(provider(vendor).ports)
    return [load(PORTS[one]) for one in ports if one in PORTS]


def _operations(kind: Any) -> Iterator[tuple[str, Any]]:
    for name, method in inspect.getmembers(kind, inspect.isfunction):
        if not name.startswith("_") and (
            inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method)
        ):
            yield name, method


def _types(vendor: str) -> list[str]:
    try:
        return list(samples(vendor).types)
    except ConfigurationError:
        return []


def rows_of(text: str) -> list[tuple[int, DesignRow]]:
    """The table's rows with their lines.

    Raises:
        ConfigurationError: there is no table with our columns.
    """
    found: list[tuple[int, DesignRow]] = []
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if not line.lstrip().startswith("|"):
            inside = False
            continue
        cells = [one.strip().strip("`") for one in line.strip().strip("|").split("|")]
        if [one.lower() for one in cells] == HEAD:
            inside = True
        elif inside and not set("".join(cells)) <= set("-: "):
            padded = [*cells, *[""] * len(HEAD)][: len(HEAD)]
            found.append((number, DesignRow(*padded)))
    if not found:
        raise ConfigurationError(
            "FILE",
            f"has no table with the columns {', '.join(HEAD)}",
            fix="hardpoint design FILE --write",
        )
    return found


def design_problems(
    rows: Sequence[tuple[int, DesignRow]], settings: Settings
) -> list[DesignProblem]:
    """What a table has wrong, by line."""
    found: list[DesignProblem] = []
    for line, row in rows:
        found += [DesignProblem(line, told) for told in _wrong(row, settings)]
    seen: set[tuple[str, str]] = set()
    for line, row in rows:
        if (row.connection, row.operation) in seen:
            found.append(
                DesignProblem(line, f"{row.operation} of {row.connection} stands here twice")
            )
        seen.add((row.connection, row.operation))
    for name in settings.connections.keys() - {row.connection for _, row in rows}:
        found.append(DesignProblem(0, f"[connections.{name}] has no line"))
    return sorted(found, key=lambda one: one.line)


def _wrong(row: DesignRow, settings: Settings) -> Iterator[str]:
    connection = settings.connections.get(row.connection)
    if connection is None:
        yield f"there is no [connections.{row.connection}]"
        return
    known = dict(pair for kind in _kinds(connection.provider) for pair in _operations(kind))
    if known and row.operation not in known:
        yield f"{connection.provider} has no operation {row.operation}"
        return
    if row.repeat not in REPEATS:
        yield f"repeat is one of {', '.join(REPEATS)}, not {row.repeat or 'nothing'}"
    method = known.get(row.operation)
    if method is not None:
        keyed = "idempotency_key" in inspect.signature(method).parameters
        if keyed and row.repeat != "key":
            yield f"{row.operation} acts and takes a key: its class is `key`, not `{row.repeat}`"
        if keyed and row.repeat == "key" and "OutcomeUnknownError" not in row.errors:
            yield f"{row.operation} may end with OutcomeUnknownError, which errors leave out"
    if row.repeat == "key":
        if row.key in {"", "-"}:
            yield f"{row.operation} needs a key: say what it is made of"
        elif _FRESH.search(row.key):
            yield f"a key made of `{row.key}` is another one in each attempt"
    if row.policy in {"", "-"}:
        yield f"{row.operation} names no policy"
    for name in filter(None, re.split(r"[,\s]+", row.errors)):
        if name != "-" and not hasattr(errors_module, name):
            yield f"there is no error {name}"
    types = _types(connection.provider)
    for name in filter(None, re.split(r"[,\s]+", row.events)):
        if name != "-" and types and name not in types:
            yield f"{connection.provider} has no sample of the event {name}"
