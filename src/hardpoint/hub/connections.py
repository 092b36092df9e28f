"""Connections as a configuration has them: whose account, the provider's own settings, the policy.

`provider` and `policy` are ours; every other key is a field of the provider's settings class.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.events import Listeners
from hardpoint.core.providers import (
    PROTOCOLS,
    load,
    provider,
    provider_names,
    service_names,
)
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import Authorization, Bearer
from hardpoint.hub.tables import TomlTable
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.bulkhead import Bulkhead
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.ratelimit import RateLimit
from hardpoint.resilience.settings import Preset, preset_options

QUEUE_PER_CALL = 4
"""How many calls may wait for each that may be under way."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
_CALLS_MOST = 100_000
_POLICY_KEYS = {"preset", "timeout", "deadline", "failures", "recovery", "rate", "concurrency"}
QUOTAS = RateLimit(1e7, burst=1_000_000)
"""No limit of ours, but something to slow down where the other side tells of one of its own."""
_RATE_HEADERS = "rate_headers"
"""The field of a provider's settings that says how its answers tell of a limit."""
_STATUS_URL = "status_url"
"""The field of a provider's settings that holds where it reports each status."""

_VAULT = "vault:"
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class VaultKey:
    """`vault:NAME` in place of a secret: a key that the vault keeps under that name."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionPolicy:
    """How a connection is called.

    Attributes:
        preset: how often a call is repeated, with the waits, breaker and timeout of that preset.
        timeout: seconds for one attempt, in place of the preset's.
        deadline: seconds for a whole call, waits included.
        failures: how many in a row open the circuit.
        recovery: seconds until an open circuit lets a call through again.
        rate: calls per second.
        concurrency: calls under way at a time; four times as many may wait.
    """

    preset: Preset = "four_retries"
    timeout: float | None = None
    deadline: float | None = None
    failures: int = 5
    recovery: float = 60.0
    rate: float | None = None
    concurrency: int | None = None

    def policy(self, name: str, listeners: Listeners, rate: RateLimit | None = None) -> Policy:
        """A policy of this kind, with state of its own; `rate` is where none is set."""
        options: dict[str, Any] = {
            "preset": self.preset,
            "deadline": self.deadline,
            "breaker": Breaker(failures=self.failures, recovery=self.recovery),
        }
        if self.timeout is not None:
            options["timeout"] = self.timeout
        if self.rate is not None:
            rate = RateLimit(self.rate)
        if rate is not None:
            options["rate"] = rate
        if self.concurrency is not None:
            options["bulkhead"] = Bulkhead(
                self.concurrency, queue=self.concurrency * QUEUE_PER_CALL
            )
        return Policy(name, listeners=listeners, **options)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """One account at a provider that takes calls: `hub.payments(name)` and its like.

    Attributes:
        provider: its name, `stripe`.
        options: fields of the provider's settings class; its docstring says what they are.
        policy: what every call runs under.
    """

    name: str
    provider: str
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    policy: ConnectionPolicy = ConnectionPolicy()

    def secrets(self) -> Iterator[tuple[str, Secret]]:
        """Every secret, after the path of its key."""
        for name, value in self.options.items():
            if isinstance(value, Secret):
                yield f"connections.{self.name}.{name.rstrip('_')}", value

    def check(self, *, status_url: str | None = None, vault: bool) -> None:
        """See that the provider's settings take it; the vault, where there is one, is not opened.

        Raises:
            ConfigurationError: see `build`; or its policy contradicts itself.
        """
        self.policy.policy(f"connections.{self.name}.policy", Listeners())
        self.build(status_url=status_url, vault=_unopened if vault else None)

    def guarded(self, listeners: Listeners) -> Policy:
        """What its calls run under, with state of its own."""
        told = any(one.name == _RATE_HEADERS for one in fields(_settings_class(self.provider)))
        heeds = told and self.options.get(_RATE_HEADERS) != "none"
        return self.policy.policy(self.name, listeners, QUOTAS if heeds else None)

    def build(
        self,
        *,
        status_url: str | None = None,
        vault: Callable[[str], Authorization] | None = None,
    ) -> Any:
        """The provider's own settings.

        Args:
            status_url: where the provider reports statuses, if it does and nothing else is said.
            vault: makes what stands for a key in the vault, by its name there.

        Raises:
            ConfigurationError: a value the provider's settings refuse, naming its key.
        """
        key = f"connections.{self.name}"
        kind = _below(key, lambda: _settings_class(self.provider))
        options = dict(self.options)
        for name, value in self.options.items():
            if isinstance(value, VaultKey):
                if vault is None:
                    raise ConfigurationError(
                        f"{key}.{name.rstrip('_')}",
                        "names the vault, and there is none",
                        fix='Add [vault] with keyring = "env:NAME"',
                    )
                options[name] = vault(value.name)
        if status_url is not None and any(one.name == _STATUS_URL for one in fields(kind)):
            options.setdefault(_STATUS_URL, status_url)
        return _below(key, lambda: kind(**options))

    def driver(self, port: str) -> str:
        """`module:Class` of its provider's driver for a port.

        Raises:
            ConfigurationError: there is none; it names the providers that have one.
        """
        found = provider(self.provider).ports.get(port)
        if found is None:
            names = (*PROTOCOLS, *provider_names(), *service_names())
            able = [name for name in names if port in provider(name).ports]
            raise ConfigurationError(
                f"connections.{self.name}.provider",
                f"{self.provider} has no {port}",
                fix=f"Providers with {port}: {', '.join(able)}",
            )
        return found

    def file_server(self, vault: Callable[[str], Authorization], body_bytes_max: int | None) -> Any:
        """What serves the URLs that its storage signs; None where the vendor does.

        Raises:
            ConfigurationError: see `build`; or nothing signs URLs.
        """
        reference = provider(self.provider).file_server
        if reference is None:
            return None
        own, serving = self.build(vault=vault), load(reference)
        bounds = {} if body_bytes_max is None else {"body_bytes_max": body_bytes_max}
        key = f"connections.{self.name}"
        return _below(key, lambda: serving(own, **bounds))


def connection_settings(name: str, tables: TomlTable, folder: Path) -> ConnectionSettings:
    """A connection from its table below `[connections]`.

    Raises:
        ConfigurationError: any key or value that we or the provider's settings do not know.
    """
    key = tables.key(name)
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            key, "is not a usable name", fix="Small letters, digits, - and _; at most 63"
        )
    owner = tables.table(name, None).get("provider", str)
    kind = _below(key, lambda: _settings_class(owner))
    known = {_key_of(one): one for one in fields(kind)}
    table = tables.table(name, {"provider", "policy", *known})
    hints = get_type_hints(kind)
    options: dict[str, Any] = {}
    for written, one in known.items():
        if table.has(written):
            options[one.name] = _value(table, written, hints[one.name], folder)
        elif _required(one):
            table.missing(written)
    policy = _policy(table.table("policy", _POLICY_KEYS))
    return ConnectionSettings(name=name, provider=owner, options=options, policy=policy)


def _unopened(name: str) -> Authorization:
    """Stands for a key in the vault while nobody needs it."""
    return Bearer(Secret.value(name))


def _below(path: str, make: Callable[[], _Made]) -> _Made:
    """What is made; what its errors name stands below a path."""
    try:
        return make()
    except ConfigurationError as error:
        key = f"{path}.{error.key.rstrip('_')}"
        raise ConfigurationError(key, error.problem, fix=error.fix) from None


def _settings_class(name: str) -> Any:
    found = provider(name)
    if found.settings is None:
        raise ConfigurationError("provider", f"{name} takes no calls: it {found.serves()}")
    return load(found.settings)


def _key_of(one: Field[Any]) -> str:
    """As TOML writes it: `from` for a field that Python must call `from_`."""
    return one.name.rstrip("_")


def _required(one: Field[Any]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


def _value(table: TomlTable, key: str, hint: Any, folder: Path) -> Any:
    """A key's value as the type of its field asks for."""
    if get_origin(hint) in {Union, UnionType}:
        kinds = get_args(hint)
        if Authorization in kinds and table.get(key, str).startswith(_VAULT):
            return VaultKey(table.get(key, str).removeprefix(_VAULT))
        for words in (get_args(kind) for kind in kinds if get_origin(kind) is Literal):
            if table.get(key, str) in words:
                return table.get(key, str)
        hint = next(one for one in kinds if one is not NoneType)
    if get_origin(hint) is Mapping:
        return _mapping(table, key, get_args(hint)[1])
    read = _READ.get(get_origin(hint) or hint)
    return table.get(key, hint) if read is None else read(table, key, folder)


_READ: dict[Any, Callable[[TomlTable, str, Path], Any]] = {
    tuple: lambda table, key, _: _texts(table, key),
    Secret: lambda table, key, folder: table.secret(key, folder),
    float: lambda table, key, _: table.seconds(key, None),
    Path: lambda table, key, folder: folder / table.get(key, str),
    int: lambda table, key, _: table.count(key, None),
}


def _mapping(table: TomlTable, key: str, kind: Any) -> dict[str, Any]:
    """A table of its own, of texts unless anything will do."""
    inner = table.table(key, None)
    names = table.names(key)
    return inner.written(names) if kind is Any else {name: inner.get(name, str) for name in names}


def _texts(table: TomlTable, key: str) -> tuple[str, ...]:
    found = table.get(key, list[Any])
    if not all(isinstance(one, str) for one in found):
        table.refuse(key, "holds something that is no text", 'Write ["a.example"]')
    return tuple(found)


def _policy(table: TomlTable) -> ConnectionPolicy:
    default = ConnectionPolicy()
    preset: Any = table.get("preset", str) if table.has("preset") else default.preset
    try:
        preset_options(preset)
    except ConfigurationError as error:
        raise ConfigurationError(table.key("preset"), error.problem, fix=error.fix) from None
    timeout, deadline = table.seconds("timeout", None), table.seconds("deadline", None)
    if deadline is not None and deadline < (timeout or 0):
        table.refuse("deadline", "is less than timeout", "An attempt fits into the whole call")
    return ConnectionPolicy(
        preset=preset,
        timeout=timeout,
        deadline=deadline,
        failures=table.count("failures", default.failures, most=_CALLS_MOST),
        recovery=table.seconds("recovery", default.recovery),
        rate=table.seconds("rate", None),
        concurrency=table.count("concurrency", None, most=_CALLS_MOST),
    )
