"""What to write into `hardpoint.toml` to use a fake in place of its vendor."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints
from urllib.parse import urlsplit

from hardpoint.core.providers import load, provider
from hardpoint.core.secrets import Secret
from hardpoint.fakes.messages import App
from hardpoint.fakes.vendors import VendorFacts, facts_of
from hardpoint.webhooks.verification import settings_of

RECEIVER = "http://127.0.0.1:8000/webhooks/"
"""Where `hardpoint serve` takes webhooks unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """Tables for the file, and what is to be exported for the references in them."""

    toml: str
    environment: Mapping[str, str]


def snippet_of(app: App, url: str, receiver: str | None) -> Snippet:
    """The connection that calls a fake, and the source that takes its webhooks.

    Args:
        app: the fake.
        url: where it is served.
        receiver: where its webhooks go, if somewhere.
    """
    facts = facts_of(app)
    environment: dict[str, str] = {}
    tables: list[str] = []
    settings = provider(app.name).settings
    if settings is not None:
        tables.append("\n".join(_connection(app.name, load(settings), facts, url, environment)))
    if facts.webhook_secret is not None:
        address = receiver or f"{RECEIVER}{app.name}"
        source = urlsplit(address).path.rpartition("/")[2] or app.name
        variable = _variable(source, "webhook_secret")
        environment[variable] = facts.webhook_secret
        tables.append("\n".join(_source(app.name, source, address, variable)))
    return Snippet("\n\n".join(tables), environment)


def _connection(
    name: str, kind: Any, facts: VendorFacts, url: str, environment: dict[str, str]
) -> Iterator[str]:
    named = name.replace(".", "_")
    yield f"[connections.{named}]"
    yield f"provider = {json.dumps(name)}"
    hints = get_type_hints(kind)
    for field, value in facts.settings_at(url).items():
        written = value
        if Secret in (hints[field], *get_args(hints[field])):
            variable = _variable(name, field)
            environment[variable] = value
            written = f"env:{variable}"
        yield f"{field.rstrip('_')} = {json.dumps(written)}"


def _source(name: str, source: str, address: str, variable: str) -> Iterator[str]:
    yield f"[webhooks.{source}]"
    yield f"provider = {json.dumps(name)}"
    if "url" in settings_of(name):
        yield f"url = {json.dumps(address)}"
    yield f'secrets = ["env:{variable}"]'


def _variable(*words: str) -> str:
    return re.sub(r"\W", "_", "_".join(words).upper(), flags=re.ASCII)
