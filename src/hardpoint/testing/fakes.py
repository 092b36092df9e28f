"""Fakes for the length of a test: started when asked for, stopped together."""

from contextlib import ExitStack
from types import TracebackType
from typing import Self, final

from hardpoint.fakes.faults import Faults
from hardpoint.fakes.messages import App
from hardpoint.fakes.server import FakeServer
from hardpoint.fakes.vendors import emitter_of, fake

_TOLD_MAX = 30


@final
class Fakes:
    """Starts fakes.

        with Fakes() as fakes:
            stripe = fakes("stripe")
            stripe.faults.next(commit_then_drop())
            client(base_url=stripe.url)

    Args:
        seed: for what goes wrong by chance.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._stack = ExitStack()
        self.servers: list[FakeServer] = []
        """Those that were started, in order."""

    def __call__(self, vendor: str | App, *, optional_fields: bool = True) -> FakeServer:
        """Another one, with an account and an address of its own.

        Args:
            vendor: a provider's name, or a fake that was built otherwise.
            optional_fields: of one by name: also say what its vendor may leave out.

        Raises:
            ConfigurationError: nobody imitates that provider.
        """
        app = fake(vendor, optional_fields=optional_fields) if isinstance(vendor, str) else vendor
        server = self._stack.enter_context(FakeServer(app, Faults(self._seed)))
        emitter = emitter_of(app)
        if emitter is not None:
            self._stack.callback(emitter.close)
        self.servers.append(server)
        return server

    def close(self) -> None:
        """Stop them all."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def told(self) -> list[tuple[str, str]]:
        """What each saw and did, under its name: what one wants to read when a test has failed."""
        return [(f"fake {one.app.name} at {one.url}", account_of(one)) for one in self.servers]


def account_of(server: FakeServer) -> str:
    """What a fake saw and did, a line each."""
    lines = [str(one) for one in (*server.exchanges, *server.ledger.entries())]
    left_out = len(lines) - _TOLD_MAX
    if left_out > 0:
        lines = [f"(of {len(lines)} lines the last)", *lines[-_TOLD_MAX:]]
    return "\n".join(lines or ["nothing reached it"])
