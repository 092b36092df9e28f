"""Finding a provider by name, without a registry and without importing the others.

Built-in providers are the sub-packages of `hardpoint.providers`; others come from the entry-point
group `hardpoint.providers`. A name is matched against that list before anything is imported.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from hardpoint.core.errors import ConfigurationError

CONTRACT = 1
"""The version of what a provider has to offer: manifest, drivers, schemes, fakes."""
CONTRACT_CHANGES: Mapping[int, str] = {}
"""By version, what a provider that was written for the one before has to change."""

PROTOCOLS: Mapping[str, str] = {
    "graphql": "hardpoint.clients.graphql",
    "grpc": "hardpoint.clients.grpc",
    "rest": "hardpoint.clients.rest",
    "sdk": "hardpoint.calls.guarded_connection",
    "websocket": "hardpoint.clients.websocket",
}
"""What is no vendor's, but described by settings alone: where its manifest is, by its name."""

_GROUP = "hardpoint.providers"
_NAME = re.compile(r"[a-z0-9_]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider's manifest: what a reviewer reads first. `PROVIDER` in each provider's package.

    Attributes:
        name: the folder's name.
        contract: the version of the contract it was written for, see `CONTRACT`; a package of its
            own has to say it, since it does not move along with us.
        title: the vendor's name as it writes it.
        tokens: words that belong to this vendor and may stand nowhere else in our source; lower
            case, found in any case.
        docs: the vendor's own page to read first.
        verified: the day on which the vendor's pages were last compared with the adapter, as
            `2026-12-01`.
        verified_by: what it was compared with, where that was not the pages themselves.
        webhooks: `module:Class` of its webhook scheme, where it has one.
        samples: `package:file` of its sample events, for `trigger` and tests; see `SamplesFile`.
        webhook_setup: `module:Class` of what registers its webhook endpoints, for `webhooks
            register`; see `WebhookSetup`.
        settings: `module:Class` of its settings, for outbound connections.
        ports: port (`payments`) to `module:Class` of its driver, where it has one.
        effects: port to `module:Class` of the asynchronous shell that its driver is made with, and
            of the blocking one, each made from the settings; a port that is not named gets the HTTP
            transport.
        file_server: `module:Class` of the ASGI application that serves the URLs its storage signs,
            made from the settings and `body_bytes_max=`; none where the vendor does.
        retries_for: seconds for which it repeats a webhook that was not acknowledged; 0: never.
            None where it does not say.
        errors: `module:NAME` of its error table, for `explain`.
        fake: `module:Class` of the vendor as we imitate it.
        fake_server: the same where it does not speak HTTP, and serves itself.
        test_secrets: what stands for a secret in tests where there is no fake, by its setting.
        login: `module:NAME` of its authorization server's entry for signing in, where it has one.
        connect: the same for connected accounts.
        identity: `module:Class` that asks whose tokens are, where there are no ID tokens.
        starter: `package:folder` of the files that `init` writes; the docstring of its app ends
            with the commands to try, one a line.
        first_starter: whether `init` writes these files where nobody names a provider; one of ours.
        services: manifests of its services that have settings of their own, by the word after the
            dot: `sqs` for `aws.sqs`.
    """

    name: str
    title: str
    contract: int | None = None
    tokens: tuple[str, ...] = field(default=())
    docs: str | None = None
    verified: str | None = None
    verified_by: str | None = None
    webhooks: str | None = None
    samples: str | None = None
    webhook_setup: str | None = None
    settings: str | None = None
    ports: Mapping[str, str] = field(default_factory=dict[str, str])
    effects: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    file_server: str | None = None
    retries_for: float | None = None
    errors: str | None = None
    fake: str | None = None
    fake_server: str | None = None
    test_secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    login: str | None = None
    connect: str | None = None
    identity: str | None = None
    starter: str | None = None
    first_starter: bool = False
    services: Mapping[str, "Provider"] = field(default_factory=dict[str, "Provider"])

    def serves(self) -> str:
        """What it is good for here, as a sentence of an error ends: `is for webhooks`."""
        able = [
            word
            for word, has in (
                ("webhooks", self.webhooks),
                ("calls", self.settings),
                ("signing in", self.login),
                ("connected accounts", self.connect),
            )
            if has
        ]
        return f"is for {', '.join(able) or 'nothing yet'}"


def provider_names() -> tuple[str, ...]:
    """Every vendor that can be asked for, sorted."""
    return tuple(sorted(_installed() | _built_in()))


def service_names() -> tuple[str, ...]:
    """Every service that has settings of its own, after its vendor: `aws.sqs`; sorted."""
    return tuple(
        f"{name}.{one}" for name in provider_names() for one in sorted(provider(name).services)
    )


def every_name() -> tuple[str, ...]:
    """Every vendor that can be asked for and every service of one, sorted."""
    return tuple(sorted((*provider_names(), *service_names())))


def provider(name: str) -> Provider:
    """The manifest of a provider, or of one of its services: `aws.sqs`.

    Raises:
        ConfigurationError: there is none of that name; or its package was written for another
            contract, or cannot be imported: says what to change.
    """
    vendor, dot, service = name.partition(".")
    if dot:
        services = provider(vendor).services
        if service not in services:
            known = ", ".join(f"{vendor}.{one}" for one in sorted(services)) or vendor
            raise ConfigurationError("provider", f"{name!r} is not known", fix=f"Known: {known}")
        return services[service]
    location = PROTOCOLS.get(name) or _built_in().get(name)
    if location is not None:
        return _manifest(import_module(location), location)
    location = _installed().get(name)
    if location is None:
        known = ", ".join(sorted({*PROTOCOLS, *provider_names()}))
        raise ConfigurationError("provider", f"{name!r} is not known", fix=f"Known: {known}")
    try:
        module = import_module(location)
    except Exception as error:  # whatever another's package raises
        raise ConfigurationError(
            "provider",
            f"{name}: {location} cannot be imported: {type(error).__name__}: {error}",
            fix=f"See that it was written for contract {CONTRACT} of hardpoint",
        ) from error
    manifest = _manifest(module, location)
    _check_contract(manifest, location)
    return manifest


def _manifest(module: ModuleType, location: str) -> Provider:
    manifest = getattr(module, "PROVIDER", None)
    if not isinstance(manifest, Provider):
        raise ConfigurationError("provider", f"{location} declares no PROVIDER")
    return manifest


def _check_contract(manifest: Provider, location: str) -> None:
    written = manifest.contract
    if written is None:
        raise ConfigurationError(
            "provider",
            f"{location} does not say which contract it was written for",
            fix=f"Write contract={CONTRACT} in its PROVIDER",
        )
    if written > CONTRACT:
        raise ConfigurationError(
            "provider",
            f"{location} was written for contract {written}; this hardpoint has {CONTRACT}",
            fix="Install a newer hardpoint, or an older version of that package",
        )
    changes = [what for version, what in sorted(CONTRACT_CHANGES.items()) if version > written]
    if changes:
        raise ConfigurationError(
            "provider",
            f"{location} was written for contract {written}; this hardpoint has {CONTRACT}",
            fix=f"{'. '.join(changes)}. Then write contract={CONTRACT} in its PROVIDER",
        )


def load(reference: str) -> Any:
    """The object behind `package.module:name`."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)


@cache
def _built_in() -> dict[str, str]:
    import pkgutil  # a driver that is imported by its path does not ask

    modules = pkgutil.iter_modules(import_module(_GROUP).__path__)
    return {module.name: f"{_GROUP}.{module.name}" for module in modules if module.ispkg}


@cache
def _installed() -> dict[str, str]:
    from importlib import metadata  # costs as much as a driver does, and is rarely asked

    return {
        entry.name: entry.value
        for entry in metadata.entry_points(group=_GROUP)
        if _NAME.fullmatch(entry.name)
    }
