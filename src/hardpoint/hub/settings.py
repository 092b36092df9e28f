"""The configuration file: TOML, strict, with secrets by reference only.

Every refusal names the path of the offending key, what is wrong and what to write instead.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.http.limits import checked_url
from hardpoint.hub.api_keys import ApiKeySettings, api_key_settings
from hardpoint.hub.connections import ConnectionSettings, connection_settings
from hardpoint.hub.groups import groups_of
from hardpoint.hub.identity import IdentitySettings, identity_settings
from hardpoint.hub.operators import DashboardSettings, dashboard_settings
from hardpoint.hub.queue_sources import QueueSource, check_sources, queue_source
from hardpoint.hub.stores import StoreSettings, store_settings
from hardpoint.hub.tables import TomlTable
from hardpoint.webhooks.verification import DESCRIBED, has_secrets, settings_of

BODY_BYTES_CEILING = 100 * 1024 * 1024

_SOURCE = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
_ATTEMPTS_MOST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """How many attempts run at a time: of `async def` handlers, and of plain `def` ones."""

    concurrency: int = 128
    threads: int = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardSettings:
    """Where a source's events go on to, and the secret that signs them."""

    url: str
    secret: Secret
    unsigned: bool = False
    """Forward what nobody has signed: whoever takes it trusts our signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """One source of webhooks: `POST /webhooks/<name>`."""

    name: str
    provider: str
    secrets: tuple[Secret, ...]
    url: str | None = None
    """Its public address, where the vendor signs that."""
    tolerance: int | None = None
    body_bytes_max: int | None = None
    type_from: str | None = None
    """Where an event's type stands, with protocols that do not say."""
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The settings by which a source of no vendor describes itself, see `DESCRIBED`."""
    forward: ForwardSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A whole configuration. Build it in code, or load it from a file."""

    store: StoreSettings = field(default_factory=StoreSettings)
    webhooks: Mapping[str, SourceSettings] = field(default_factory=dict[str, SourceSettings])
    connections: Mapping[str, ConnectionSettings] = field(
        default_factory=dict[str, ConnectionSettings]
    )
    sources: Mapping[str, QueueSource] = field(default_factory=dict[str, QueueSource])
    """Queues whose messages are events."""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Connections that stand in for one another, in the order in which they are tried."""
    identity: IdentitySettings = field(default_factory=IdentitySettings)
    api_keys: ApiKeySettings = field(default_factory=ApiKeySettings)
    worker: WorkerSettings = WorkerSettings()
    dashboard: DashboardSettings = field(default_factory=DashboardSettings)
    admin_token: Secret | None = None
    """What whoever asks the admin listener from another machine has to send: `[admin] token`."""
    public_url: str | None = None
    """Where vendors reach us: the origin, and the path before `/webhooks/` if there is one."""
    path: Path | None = None

    def webhook_url(self, source: str) -> str | None:
        """A source's public address; None where nobody has said what it is."""
        own = self.webhooks[source].url
        return own or (self.public_url and f"{self.public_url}/webhooks/{source}")

    @property
    def receives(self) -> bool:
        """Whether anything comes in: webhooks, or messages of a queue."""
        return bool(self.webhooks or self.sources)

    def check_source(self, name: str) -> None:
        """See that there is a source of this name.

        Raises:
            ConfigurationError: there is none; it names those that are.
        """
        if name not in self.webhooks and name not in self.sources:
            known = ", ".join(sorted({*self.webhooks, *self.sources})) or "none"
            raise ConfigurationError(
                f"webhooks.{name}", "is not configured", fix=f"Configured sources: {known}"
            )

    def check_change(self, new: Self) -> None:
        """See that a hub that runs can take other settings.

        Raises:
            ConfigurationError: they differ in what is fixed while it runs.
        """
        for key, name in {
            "store": "store",
            "worker": "worker",
            "vault and oauth": "identity",
        }.items():
            if getattr(self, name) != getattr(new, name):
                raise _fixed(key)
        if self.api_keys.fixed != new.api_keys.fixed:
            raise _fixed("api_keys")

    @classmethod
    def load(cls, path: str | Path, *, secrets: bool = True) -> Self:
        """Read a file. Relative paths in it start from its folder.

        Args:
            path: the file.
            secrets: read every secret too, to see that it is there; to look into the store alone
                one needs none.

        Raises:
            ConfigurationError: missing, not TOML, any key or value we do not know, or a secret
                that cannot be read.
        """
        where = Path(path).absolute()
        try:
            content = tomllib.loads(where.read_bytes().decode("utf-8-sig"))
        except FileNotFoundError:
            raise ConfigurationError(
                str(where), "there is no such file", fix="Write one with: hardpoint init"
            ) from None
        except OSError as error:
            raise ConfigurationError(str(where), f"cannot be read ({error.strerror})") from None
        except ValueError as error:
            raise ConfigurationError(str(where), f"is not TOML: {error}") from None
        known = {
            "admin",
            "api_keys",
            "connections",
            "dashboard",
            "groups",
            "oauth",
            "public_url",
            "sources",
            "store",
            "vault",
            "webhooks",
            "worker",
        }
        table = TomlTable("", content, known)
        folder = where.parent
        store = store_settings(table, folder)
        identity = identity_settings(table, folder, store)
        public_url = _public_url(table)
        settings = cls(
            store=store,
            webhooks={name: _source(name, table, folder) for name in table.names("webhooks")},
            connections={
                name: connection_settings(name, table.table("connections", None), folder)
                for name in table.names("connections")
            },
            sources={
                name: queue_source(name, table.table("sources", None))
                for name in table.names("sources")
            },
            groups=groups_of(table),
            identity=identity,
            api_keys=api_key_settings(
                table, folder, store=store, identity=identity, public_url=public_url
            ),
            public_url=public_url,
            worker=_worker(table.table("worker", {"concurrency", "threads"})),
            dashboard=dashboard_settings(table, folder),
            admin_token=_admin_token(table.table("admin", {"token"}), folder),
            path=where,
        )
        for substitute in SUBSTITUTES:
            settings = substitute(settings)
        check_sources(settings)
        if secrets:
            settings.check_secrets()
        return settings

    def secrets(self) -> Iterator[tuple[str, Secret]]:
        """Every secret, after the path of its key."""
        yield from self.store.secrets()
        for name, source in self.webhooks.items():
            for index, secret in enumerate(source.secrets):
                yield f"webhooks.{name}.secrets[{index}]", secret
            if source.forward is not None:
                yield f"webhooks.{name}.forward.secret", source.forward.secret
        for connection in self.connections.values():
            yield from connection.secrets()
        yield from self.identity.secrets()
        yield from self.api_keys.secrets()
        yield from self.dashboard.secrets()
        if self.admin_token is not None:
            yield "admin.token", self.admin_token

    def check_secrets(self) -> None:
        """See that every secret can be read.

        Raises:
            ConfigurationError: one cannot; names the key.
        """
        for key, secret in self.secrets():
            try:
                secret.reveal()
            except ConfigurationError as error:
                raise ConfigurationError(
                    key, f"{secret.reference} {error.problem}", fix=error.fix
                ) from None
        self.dashboard.check()

    def files(self) -> tuple[Path, ...]:
        """What to watch for changes: the file itself and every `file:` secret it names."""
        references = [secret.reference for _, secret in self.secrets()]
        paths = [Path(one[5:]) for one in references if one.startswith("file:")]
        return (*([self.path] if self.path else []), *dict.fromkeys(paths))


SUBSTITUTES: Final[list[Callable[[Any], Any]]] = []
"""What tests make of the settings of a file, before its secrets are looked for; else empty."""


def _fixed(key: str) -> ConfigurationError:
    return ConfigurationError(key, "cannot change while running", fix="Restart to put it in force")


def _public_url(table: TomlTable) -> str | None:
    if not table.has("public_url"):
        return None
    url = checked_url(table.get("public_url", str), key="public_url")
    if "?" in url or "#" in url:
        table.refuse("public_url", "holds a query or a fragment", "Write https://shop.example")
    return url.rstrip("/")


def _worker(table: TomlTable) -> WorkerSettings:
    default = WorkerSettings()
    return WorkerSettings(
        concurrency=table.count("concurrency", default.concurrency, most=_ATTEMPTS_MOST),
        threads=table.count("threads", default.threads, most=_ATTEMPTS_MOST),
    )


def _admin_token(table: TomlTable, folder: Path) -> Secret | None:
    return table.secret("token", folder) if table.has("token") else None


def _source(name: str, root: TomlTable, folder: Path) -> SourceSettings:
    known = {"provider", "url", "tolerance", "body_bytes_max", "type_from", "forward"}
    provider = root.table("webhooks", None).table(name, None).written(["provider"]).get("provider")
    own = settings_of(provider) - known if provider in DESCRIBED else frozenset[str]()
    secret = provider not in DESCRIBED or has_secrets(provider)
    known |= own | ({"secrets"} if secret else set())
    table = root.table("webhooks", None).table(name, known)
    if not _SOURCE.fullmatch(name):
        raise ConfigurationError(
            table.path, "is not a usable name", fix="Small letters, digits, - and _; at most 63"
        )
    return SourceSettings(
        name=name,
        provider=table.get("provider", str),
        secrets=_secrets(table, folder) if secret else (),
        url=table.get("url", str) if table.has("url") else None,
        tolerance=table.count("tolerance", None),
        body_bytes_max=table.count("body_bytes_max", None, most=BODY_BYTES_CEILING),
        type_from=table.get("type_from", str) if table.has("type_from") else None,
        options=table.written(own),
        forward=_forward(table, folder) if table.has("forward") else None,
    )


def _secrets(table: TomlTable, folder: Path) -> tuple[Secret, ...]:
    references: list[Any] = table.get("secrets", list[Any])
    if not references:
        table.refuse("secrets", "is empty", 'Write secrets = ["env:NAME"]')
    secrets: list[Secret] = []
    for index, reference in enumerate(references):
        key = f"{table.path}.secrets[{index}]"
        if not isinstance(reference, str):
            raise ConfigurationError(key, "is not text", fix="Write env:NAME or file:PATH")
        secrets.append(Secret.parse(reference, key=key, folder=folder))
    return tuple(secrets)


def _forward(table: TomlTable, folder: Path) -> ForwardSettings:
    onward = table.table("forward", {"url", "secret", "unsigned"})
    return ForwardSettings(
        url=checked_url(onward.get("url", str), key=onward.key("url")),
        secret=onward.secret("secret", folder),
        unsigned=onward.get("unsigned", bool) if onward.has("unsigned") else False,
    )
