"""What is known of a vendor, with its source; and what a change from one to another means."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any

from hardpoint.core.capabilities import Capabilities
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import Provider, load, provider
from hardpoint.hub.settings import Settings
from hardpoint.webhooks.samples import samples
from hardpoint.webhooks.verification import scheme_type, settings_of


@dataclass(frozen=True, slots=True)
class ResearchFact:
    """One thing that an integration has to know."""

    topic: str
    fact: str
    source: str
    """Where it stands: a page, a manifest, a place in a specification."""
    read: str
    """The day on which it was compared last; empty where nobody says."""


@dataclass(frozen=True, slots=True)
class VendorResearch:
    """What is known, and what somebody has to find out."""

    name: str
    facts: Sequence[ResearchFact]
    questions: Sequence[str]


TOPICS = (
    "authentication",
    "webhooks",
    "limits",
    "idempotency",
    "errors",
    "sandbox",
)
_QUESTIONS: Mapping[str, str] = {
    "authentication": "Which credentials, with which least scopes, and how are they rotated?",
    "webhooks": "Are there webhooks? How are they signed, and for how long are they repeated?",
    "limits": "How many calls in which time, and what comes beyond that?",
    "idempotency": "Does it take idempotency keys, in which header, and for how long?",
    "errors": "Which error codes are there, and which of them may be repeated?",
    "sandbox": "Is there a sandbox, and how does it differ from production?",
}


def questions_without(topics: Iterator[str] | Sequence[str]) -> list[str]:
    """The questions of the topics of which nothing is known."""
    known = set(topics)
    return [question for topic, question in _QUESTIONS.items() if topic not in known]


def research(name: str) -> VendorResearch:
    """What the manifest and the adapter of a built-in or installed provider say."""
    manifest = provider(name)
    facts = list(_facts(manifest))
    return VendorResearch(name, facts, questions_without([one.topic for one in facts]))


def _facts(manifest: Provider) -> Iterator[ResearchFact]:
    source, read = manifest.docs or f"manifest of {manifest.name}", manifest.verified or ""
    if manifest.settings is not None:
        kind = load(manifest.settings)
        names = [f"`{_written(one.name)}`" for one in fields(kind) if _secret(one.type)]
        if names:
            fact = f"by {', '.join(names)} of [connections.NAME], as env:NAME or file:PATH"
            yield ResearchFact("authentication", fact, manifest.settings, read)
        sandbox = [one.name for one in fields(kind) if one.name in {"live", "sandbox", "base_url"}]
        for one in sandbox:
            default = next(each.default for each in fields(kind) if each.name == one)
            told = "" if default is MISSING else f", by default {default!r}"
            yield ResearchFact("sandbox", f"setting `{one}`{told}", manifest.settings, read)
    if manifest.fake is not None:
        fact = f"hardpoint fakes {manifest.name} imitates it on this machine, without an account"
        yield ResearchFact("sandbox", fact, manifest.fake, read)
    for use in ("login", "connect"):
        if getattr(manifest, use):
            yield ResearchFact(
                "authentication", f"OAuth, to {use}", str(getattr(manifest, use)), read
            )
    if manifest.webhooks is not None:
        yield from _of_webhooks(manifest, source, read)
    for port, reference in manifest.ports.items():
        yield from _of_port(port, reference, read)
    if manifest.errors is not None:
        table = load(manifest.errors)
        retried = sum(one.meaning != "" for one in table.known.values())
        fact = f"{retried} codes are known: hardpoint explain {manifest.name}"
        yield ResearchFact("errors", fact, manifest.errors, read)


def _written(name: str) -> str:
    return name.removesuffix("_")


def _secret(kind: object) -> bool:
    return "Secret" in str(kind)


def _of_webhooks(manifest: Provider, source: str, read: str) -> Iterator[ResearchFact]:
    kind: Any = scheme_type(manifest.name)
    headers = ", ".join(sorted(one.decode() for one in kind.signature_headers))
    yield ResearchFact("webhooks", f"signed over {kind.covers}, in {headers}", source, read)
    own = sorted(settings_of(manifest.name))
    if own:
        yield ResearchFact("webhooks", f"settings of the source: {', '.join(own)}", source, read)
    if manifest.retries_for is not None:
        hours = manifest.retries_for / 3600
        fact = (
            f"repeated for {hours:g} hours" if hours else "never repeated: what is missed is lost"
        )
        yield ResearchFact("webhooks", fact, source, read)
    try:
        types = ", ".join(samples(manifest.name).types)
    except ConfigurationError:
        return
    yield ResearchFact("webhooks", f"sample events: {types}", str(manifest.samples), read)


def _of_port(port: str, reference: str, read: str) -> Iterator[ResearchFact]:
    able = getattr(load(reference), "capabilities", None)
    if not isinstance(able, Capabilities):
        return
    kept = f", kept for {able.key_seconds:g} s" if able.key_seconds else ""
    yield ResearchFact("idempotency", f"{port}: {able.idempotency.value}{kept}", reference, read)
    for limit, most in able.limits.items():
        yield ResearchFact("limits", f"{port}: {limit} {most}", reference, read)


@dataclass(frozen=True, slots=True)
class SwitchPlan:
    """What a change of vendor means, and the steps in their order."""

    ports: Sequence[str]
    lost: Mapping[str, Sequence[str]]
    gained: Mapping[str, Sequence[str]]
    limits: Sequence[str]
    idempotency: Sequence[str]
    webhooks: Sequence[str]
    connections: Sequence[str]
    sources: Sequence[str]
    steps: Sequence[str]


def switch_plan(old: str, new: str, settings: Settings | None) -> SwitchPlan:
    """A plan for changing from one provider to another.

    Args:
        old: the provider in use.
        new: the one to change to.
        settings: the configuration, for what is in use.

    Raises:
        ConfigurationError: they share no port.
    """
    before, after = provider(old), provider(new)
    ports = [port for port in before.ports if port in after.ports]
    if not ports:
        raise ConfigurationError(
            "TO",
            f"{new} has none of {old}'s ports ({', '.join(before.ports) or 'none'})",
            fix="hardpoint providers list --port payments",
        )
    lost: dict[str, Sequence[str]] = {}
    gained: dict[str, Sequence[str]] = {}
    limits: list[str] = []
    idempotency: list[str] = []
    for port in ports:
        was, will = (_able(one.ports[port]) for one in (before, after))
        if was is None or will is None:
            continue
        lost[port] = sorted(map(str, was.flags - will.flags))
        gained[port] = sorted(map(str, will.flags - was.flags))
        for name in sorted(was.limits.keys() | will.limits.keys()):
            change = f"{port}.{name}: {_most(was, name)} -> {_most(will, name)}"
            limits += [change] if was.limits.get(name) != will.limits.get(name) else []
        if was.idempotency is not will.idempotency or was.key_seconds != will.key_seconds:
            idempotency.append(f"{port}: {_keys(was)} -> {_keys(will)}")
    connections = (
        []
        if settings is None
        else [name for name, one in settings.connections.items() if one.provider == old]
    )
    sources = (
        []
        if settings is None
        else [name for name, one in settings.webhooks.items() if one.provider == old]
    )
    return SwitchPlan(
        ports,
        lost,
        gained,
        limits,
        idempotency,
        _hooks(before, after),
        connections,
        sources,
        _steps(before, after, ports, connections, sources),
    )


def _able(reference: str) -> Capabilities | None:
    able = getattr(load(reference), "capabilities", None)
    return able if isinstance(able, Capabilities) else None


def _most(able: Capabilities, name: str) -> str:
    return str(able.limits.get(name, "no limit known"))


def _keys(able: Capabilities) -> str:
    kept = f" for {able.key_seconds:g} s" if able.key_seconds else ""
    return f"{able.idempotency.value}{kept}"


def _hooks(before: Provider, after: Provider) -> list[str]:
    told: list[str] = []
    if before.webhooks is not None:
        hours = (before.retries_for or 0) / 3600
        told.append(
            f"keep {before.name}'s source: it still tells of old objects, for {hours:g} h or more"
        )
    told.append(
        f"{after.name} needs a source of its own"
        if after.webhooks is not None
        else f"{after.name} has no webhooks here: what became of it has to be asked"
    )
    return told


def _steps(
    before: Provider,
    after: Provider,
    ports: Sequence[str],
    connections: Sequence[str],
    sources: Sequence[str],
) -> list[str]:
    used = ", ".join(f"[connections.{one}]" for one in connections) or f"the one of {before.name}"
    kept = ", ".join(f"[webhooks.{one}]" for one in sources) or f"the source of {before.name}"
    return [
        f"add a connection of {after.name} beside {used}; remove nothing",
        f"add a source for {after.name}, and register it: hardpoint research {after.name}",
        "replace what is lost, as listed above; the capability is refused before anything is sent",
        f"try it with the fake: hardpoint fakes {after.name}",
        f"send new work ({', '.join(ports)}) to the new connection; ids carry their connection",
        "leave refunds of old work alone: their ids lead them to the old connection",
        f"keep {used} and {kept} until the last refund, dispute and payout of old work is over",
        "then revoke the old credentials at the vendor, and remove both",
    ]
