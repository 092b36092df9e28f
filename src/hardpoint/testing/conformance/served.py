"""A vendor that is served, and drivers on it: what the fixtures `served` and `script` give."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextlib import ExitStack, contextmanager
from typing import Any, final

from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import App, FakeReply, Received
from hardpoint.fakes.server import FakeServer
from hardpoint.http.asynchronous import AsyncTransport

MakeDriver = Callable[..., Any]
"""Makes a driver from transport, base URL and options."""


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
    """A vendor that gives one reply, and keeps what it received."""

    name = "scripted"

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.reply = FakeReply()
        self.received: list[Received] = []

    def answer(self, request: Received) -> FakeReply:
        """The reply."""
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
