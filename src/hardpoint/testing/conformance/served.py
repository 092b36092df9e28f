"""A vendor that is served, and drivers on it: what the fixtures `served` and `script` give."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextlib import ExitStack, contextmanager
from typing import Any, Literal, final, get_args, get_origin, get_type_hints

from hardpoint.calls.connection import Connection
from hardpoint.core.providers import load, provider
from hardpoint.core.secrets import Secret
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import App, FakeReply, Received
from hardpoint.fakes.server import FakeServer
from hardpoint.fakes.vendors import facts_of
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.messages import Transport

MakeDriver = Callable[..., Any]
"""Makes a driver from transport, base URL and options."""


def driver_of(
    vendor: App, transport: Any, url: str, *, port: str | None = None, **options: Any
) -> Any:
    """The driver of a fake's provider, on the fake's own account.

    Args:
        vendor: the fake, whose `name` is the provider's and whose `facts` name the account.
        transport: what the driver sends through.
        url: where the fake is served.
        port: which of its drivers; its first one otherwise.
        options: settings beside these, or in their place; a text stands for a secret too.
    """
    ports = provider(vendor.name).ports
    driver = next(iter(ports.values())) if port is None else ports[port]
    address = facts_of(vendor).address
    return load(driver)(transport, settings_of(vendor, **{address: url, **options}))


def settings_of(vendor: App, **options: Any) -> Any:
    """The provider's settings for a fake's account; `options` as in `driver_of`."""
    kind = load(str(provider(vendor.name).settings))
    hints = get_type_hints(kind)
    given = {**facts_of(vendor).settings, **options}
    return kind(
        **{
            name: Secret.value(one) if isinstance(one, str) and _secret(hints[name], one) else one
            for name, one in given.items()
        }
    )


def port_on(
    vendor: Callable[[], App],
    portable: Callable[[Any, Connection], Any],
    *,
    port: str | None = None,
) -> Callable[[Transport, str, Connection], Any]:
    """Makes a port over the driver of a fake's provider: the `port` of an `Adapter`."""
    return lambda transport, url, connection: portable(
        driver_of(vendor(), transport, url, port=port), connection
    )


def _secret(hint: Any, text: str) -> bool:
    """Whether a text stands for a secret; a word that the setting knows is itself."""
    kinds = get_args(hint) or (hint,)
    words = [word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    return Secret in kinds and text not in words


@final
class ServedAccount:
    """Drivers on a vendor.

    Attributes:
        vendor: the fake.
        server: what serves it.
        do: awaits what a driver returns.
    """

    def __init__(
        self, vendor: Any, server: FakeServer, runner: asyncio.Runner, make: MakeDriver
    ) -> None:
        self.vendor = vendor
        self.server = server
        self.do: Callable[[Coroutine[Any, Any, Any]], Any] = runner.run
        self._make = make
        self._transport = AsyncTransport()

    def driver(self, **options: Any) -> Any:
        """Another driver on the account."""
        return self._make(self._transport, self.server.url, **options)

    def close(self) -> None:
        """Close its connections."""
        self.do(self._transport.close())


@final
class ScriptedVendor:
    """A vendor that gives one reply, and keeps what it received.

    Attributes:
        token_path: where it gives a token in place of the reply, and keeps nothing.
    """

    name = "scripted"

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.reply = FakeReply()
        self.received: list[Received] = []
        self.token_path: str | None = None

    def answer(self, request: Received) -> FakeReply:
        """The reply."""
        if request.path == self.token_path:
            return FakeReply.json({"access_token": "scripted", "expires_in": 3600})
        self.received.append(request)
        return self.reply


@contextmanager
def serving() -> Generator[Callable[[App, MakeDriver], ServedAccount]]:
    """Serves vendors while the block lasts."""
    with ExitStack() as stack:

        def serve(vendor: App, make: MakeDriver) -> ServedAccount:
            server = stack.enter_context(FakeServer(vendor))
            runner = stack.enter_context(asyncio.Runner())
            account = ServedAccount(vendor, server, runner, make)
            stack.callback(account.close)
            return account

        yield serve
