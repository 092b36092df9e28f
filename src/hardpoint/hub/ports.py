"""From connections to what users hold: drivers, transports and policies put together, on demand."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol, final

from hardpoint.calls.connection import Connection, Unguarded
from hardpoint.calls.guarded_connection import SDK, GuardedConnection, SdkSettings
from hardpoint.calls.suppressions import Suppressions
from hardpoint.core.effects import Clock, Ids
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.events import Listeners
from hardpoint.core.forks import forget_in_child
from hardpoint.core.providers import load, provider
from hardpoint.http.auth import Authorization
from hardpoint.http.limits import Limits
from hardpoint.http.wire.trust import Trust
from hardpoint.hub.connections import ConnectionSettings
from hardpoint.hub.events import ConnectionLost
from hardpoint.hub.groups import GROUPED
from hardpoint.hub.settings import Settings
from hardpoint.resilience.policy import Policy
from hardpoint.runtime.effects import Caller, Runtime
from hardpoint.store.journal import Journal

if TYPE_CHECKING:
    from hardpoint.chat.api import ChatNotifier
    from hardpoint.clients.graphql.api import GraphQLClient
    from hardpoint.clients.grpc.api import GrpcClient
    from hardpoint.clients.rest.api import RestClient
    from hardpoint.email.api import EmailSender
    from hardpoint.functions.api import FunctionInvoker
    from hardpoint.payments.api import PaymentGateway
    from hardpoint.queues.api import Queue
    from hardpoint.sms.api import SmsSender
    from hardpoint.storage.api import ObjectStore
    from hardpoint.voice.api import VoiceCaller

PORTS: Final = {
    "payments": "hardpoint.payments.api:PaymentGateway",
    "sms": "hardpoint.sms.api:SmsSender",
    "email": "hardpoint.email.api:EmailSender",
    "storage": "hardpoint.storage.api:ObjectStore",
    "chat": "hardpoint.chat.api:ChatNotifier",
    "voice": "hardpoint.voice.api:VoiceCaller",
    "queue": "hardpoint.queues.api:Queue",
    "function": "hardpoint.functions.api:FunctionInvoker",
    "rest": "hardpoint.clients.rest.api:RestClient",
    "graphql": "hardpoint.clients.graphql.api:GraphQLClient",
    "grpc": "hardpoint.clients.grpc.api:GrpcClient",
    "websocket": "hardpoint.clients.websocket.client:WebSocketClient",
}
"""Each port, and the portable type that users hold; `CallsOut` has a method for it, or `Hub` where
it is asynchronous only."""

_GUARD: Final = "guard"
"""In place of a port, where another library makes the calls."""

_OPEN: Final = {"open", "forced_open"}

STEP_SECONDS: Final = 10.0
"""What a transport waits for one step of an exchange where the policy sets no timeout."""


class Shell(Protocol):
    """One of the two ways of waiting, asynchronous and blocking."""

    @property
    def blocking(self) -> bool:
        """Whether it blocks the calling thread."""
        ...

    @property
    def runtime(self) -> Runtime:
        """For connections."""
        ...

    def transport(self, limits: Limits, trust: Trust | None) -> Any:
        """A `Transport`, with a `close` of its own."""
        ...


@final
class Ports:
    """The connections of one hub, each opened when it is first asked for.

    Args:
        shell: asynchronous or blocking.
        clock, ids: effects.
        listeners: told of every call and every decision of a policy.
        journal: of the same kind as the shell.
        policies: by a connection's name, in place of what the settings say.
        suppressions: who may not be written to, by whatever connection.
        vault: makes what stands for a key in the vault, by its name there.

    Raises (every method that is given a name):
        ConfigurationError: there is no such connection, or its provider has no such port.
    """

    def __init__(
        self,
        shell: Shell,
        *,
        clock: Clock,
        ids: Ids,
        listeners: Listeners,
        journal: Journal,
        policies: Mapping[str, Policy],
        suppressions: Suppressions,
        vault: Callable[[str], Authorization],
    ) -> None:
        self._shell = shell
        self._clock = clock
        self._ids = ids
        self._listeners = listeners
        self._journal = journal
        self._given = policies
        self._vault = vault
        self._suppressions = suppressions
        self._settings: Mapping[str, ConnectionSettings] = {}
        self._groups: Mapping[str, tuple[str, ...]] = {}
        self._status_urls: Mapping[str, str | None] = {}
        self._policies: dict[str, Policy] = {}
        self._built: dict[tuple[str, str], Any] = {}
        self._asked: set[tuple[str, str]] = set()
        self._transports: dict[tuple[str, str], Any] = {}
        self._retired: list[Any] = []
        self.forget()
        forget_in_child(self)

    def forget(self) -> None:
        """A forked child uses what its parent has built, and builds the rest itself."""
        self._building = threading.RLock()

    def configure(self, settings: Settings) -> None:
        """Put settings in force: what has changed is opened anew, what has not keeps its state.

        Raises:
            ConfigurationError: a value that a provider's settings refuse; nothing has changed.
        """
        new = settings.connections
        urls = {name: _status_url(settings, one.provider) for name, one in new.items()}
        for name, one in new.items():
            one.check(status_url=urls[name], vault=settings.identity.vault is not None)
        for name in self._given.keys() - new.keys():
            raise _unknown(name, new)
        with self._building:
            for name, old in self._settings.items():
                kept = new.get(name)
                if kept is None or kept.policy != old.policy:
                    self._policies.pop(name, None)
                if kept != old or urls.get(name) != self._status_urls.get(name):
                    self._retire(name)
            changed = {name for name, old in self._settings.items() if new.get(name) != old}
            for name, members in self._groups.items():
                if settings.groups.get(name) != members or changed & set(members):
                    self._retire(name, of_group=True)
            self._settings, self._status_urls = new, urls
            self._groups = settings.groups
            lost = {one for one in self._asked if _without(one, new)}
            self._asked -= lost
        for port, name in sorted(lost):
            self._listeners.emit(ConnectionLost(connection=name, port=port))

    def get(self, port: str, name: str) -> Any:
        """The portable type over a connection.

        Args:
            port: a key of `PORTS`.
            name: the connection's name, or an id that carries it, `billing:pi_3N...`.
        """
        name = name.partition(":")[0]
        if port in GROUPED and name in self._groups:
            return self._group(port, name)
        with self._building:  # once, however many threads ask: each would have its own state
            found = self._built.get((port, name))
            if found is None:
                found = self._built[port, name] = self._build(port, self._connection(name))
                self._asked.add((port, name))
            return found

    def file_server(self, name: str, body_bytes_max: int | None) -> Any:
        """What serves the URLs that a connection's storage signs; None where the vendor does."""
        served = self._connection(name).file_server(self._vault, body_bytes_max)
        with self._building:
            self._asked.add(("storage", name))
        return served

    def guard(self, name: str) -> GuardedConnection:
        """A connection's policy for another library's calls, whatever its settings become."""
        provider = self._connection(name).provider
        with self._building:
            self._asked.add((_GUARD, name))
        return GuardedConnection(
            name,
            provider,
            lambda: self.policy(name),
            lambda: self._sdk(name),
            clock=self._clock,
            ids=self._ids,
            listeners=self._listeners,
        )

    def policy(self, name: str) -> Policy:
        """What the connection's calls run under; its state lasts as long as its settings."""
        settings = self._connection(name)
        with self._building:
            found = self._given.get(name) or self._policies.get(name)
            if found is None:
                found = self._policies[name] = settings.guarded(self._listeners)
            return found

    def open_circuits(self) -> list[str]:
        """The connections whose calls are refused now, each with its key where it has one."""
        policies = {**self._policies, **self._given}
        return [
            name if key is None else f"{name} ({key})"
            for name, policy in policies.items()
            for key, state in policy.stats().circuits.items()
            if state in _OPEN
        ]

    def take_transports(self) -> list[Any]:
        """Those to be closed now, because the hub ends or settings have changed."""
        with self._building:
            for name in self._settings:
                self._retire(name)
            taken, self._retired = self._retired, []
            return taken

    def close_circuits(self) -> None:
        """Let calls through again, and forget what failed before."""
        for policy in (*self._policies.values(), *self._given.values()):
            if policy.settings.breaker is not None and policy.settings.key is None:
                policy.breaker.reset()

    def _group(self, port: str, name: str) -> Any:
        """The portable type over several connections, each under its own policy and circuit."""
        with self._building:
            found = self._built.get((port, name))
            if found is None:
                accounts = map(self._connection, self._groups[name])
                members = [self._build(port, one, group=name) for one in accounts]
                connection = self._account(name, Unguarded())
                found = load(PORTS[port])(members[0].driver, connection, members)
                self._built[port, name] = found
            return found

    def _build(self, port: str, settings: ConnectionSettings, *, group: str | None = None) -> Any:
        name = settings.name
        driver = load(settings.driver(port))
        own = settings.build(status_url=self._status_urls[name], vault=self._vault)
        connection = self._account(name, self.policy(name), group)
        return load(PORTS[port])(driver(self._effect(port, settings, own, group), own), connection)

    def _account(self, name: str, policy: Caller, group: str | None = None) -> Connection:
        return Connection(
            name,
            self._shell.runtime,
            policy=policy,
            clock=self._clock,
            ids=self._ids,
            listeners=self._listeners,
            journal=self._journal,
            group=group,
            suppressions=self._suppressions,
        )

    def _sdk(self, name: str) -> SdkSettings:
        """What is said about another library's calls; nothing beside an adapter."""
        with self._building:
            found = self._built.get((_GUARD, name))
            if found is None:
                settings = self._connection(name)
                found = settings.build() if settings.provider == SDK else SdkSettings()
                self._built[_GUARD, name] = found
            return found

    def _effect(self, port: str, settings: ConnectionSettings, own: Any, group: str | None) -> Any:
        """What the driver awaits: an effect of its own, or a transport.

        Every port of every connection has one, so that an account that hangs takes no other's
        places.
        """
        shells = provider(settings.provider).effects.get(port)
        if shells is not None:
            effect = load(shells[self._shell.blocking])(own)
            if hasattr(effect, "close"):  # most have nothing to close
                self._transports[port, f"{settings.name}@{group or ''}"] = effect
            return effect
        limits = Limits(timeout=self.policy(settings.name).settings.timeout or STEP_SECONDS)
        if (most := getattr(own, "body_bytes_max", None)) is not None:
            limits = replace(limits, body_bytes_max=most)
        transport = self._shell.transport(limits, getattr(own, "trust", None))
        self._transports[port, f"{settings.name}@{group or ''}"] = transport
        return transport

    def _connection(self, name: str) -> ConnectionSettings:
        settings = self._settings.get(name)
        if settings is None:
            raise _unknown(name, self._settings)
        return settings

    def _retire(self, name: str, *, of_group: bool = False) -> None:
        for key in [key for key in self._built if key[1] == name]:
            del self._built[key]
        part = 2 if of_group else 0
        for key in [key for key in self._transports if key[1].partition("@")[part] == name]:
            self._retired.append(self._transports.pop(key))


class CallsOut:
    """The methods that give users their ports; those of the blocking hub are generated."""

    _ports: Ports

    def payments(self, connection: str) -> "PaymentGateway":
        """Takes payments through a connection.

        Args:
            connection: its name, or the id of a payment or refund, which carries it: so
                `hub.payments(payment.id)` finds who took that payment.

        Raises:
            ConfigurationError: it is not configured, or its provider takes no payments.
        """
        return self._ports.get("payments", connection)

    def sms(self, connection: str) -> "SmsSender":
        """Sends text messages through a connection, or a group; see `payments` for its name."""
        return self._ports.get("sms", connection)

    def email(self, connection: str) -> "EmailSender":
        """Sends email through a connection, or a group; see `payments` for its name."""
        return self._ports.get("email", connection)

    def storage(self, connection: str) -> "ObjectStore":
        """Keeps files through a connection; see `payments` for its name."""
        return self._ports.get("storage", connection)

    def chat(self, connection: str) -> "ChatNotifier":
        """Posts to a chat through a connection; see `payments` for its name."""
        return self._ports.get("chat", connection)

    def voice(self, connection: str) -> "VoiceCaller":
        """Makes telephone calls through a connection; see `payments` for its name."""
        return self._ports.get("voice", connection)

    def queue(self, connection: str) -> "Queue":
        """Sends and receives messages through a connection; see `payments` for its name."""
        return self._ports.get("queue", connection)

    def function(self, connection: str) -> "FunctionInvoker":
        """Runs a function at a provider through a connection; see `payments` for its name."""
        return self._ports.get("function", connection)

    def rest(self, connection: str) -> "RestClient":
        """Calls any API through a connection with `provider = "rest"`."""
        return self._ports.get("rest", connection)

    def graphql(self, connection: str) -> "GraphQLClient":
        """Asks any GraphQL API through a connection with `provider = "graphql"`."""
        return self._ports.get("graphql", connection)

    def grpc(self, connection: str) -> "GrpcClient":
        """Calls any gRPC service through a connection with `provider = "grpc"`."""
        return self._ports.get("grpc", connection)


def _unknown(name: str, known: Mapping[str, Any]) -> ConfigurationError:
    names = ", ".join(sorted(known)) or "none"
    return ConfigurationError(
        f"connections.{name}", "is not configured", fix=f"Configured connections: {names}"
    )


def _without(asked: tuple[str, str], new: Mapping[str, ConnectionSettings]) -> bool:
    """Whether what has been asked for is there no more."""
    port, name = asked
    return name not in new or (port != _GUARD and port not in provider(new[name].provider).ports)


def _status_url(settings: Settings, owner: str) -> str | None:
    """Where a provider reports to: its one source of webhooks, if that has a public address."""
    sources = [name for name, source in settings.webhooks.items() if source.provider == owner]
    return settings.webhook_url(sources[0]) if len(sources) == 1 else None
