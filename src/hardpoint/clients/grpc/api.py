"""Any gRPC service, by its own generated stubs.

    crm = hub.grpc("crm")
    stub = crm_pb2_grpc.DealsStub(crm.channel)
    deal = await stub.Get(crm_pb2.Id(id=7), timeout=2)

What a repeat of a method does has to be said, in the configuration or by `methods`; a method of
which nobody has said it is not repeated.
"""

from collections.abc import Mapping
from typing import Any, final

from hardpoint.calls.connection import Connection
from hardpoint.clients.grpc.driver import GrpcDriver
from hardpoint.clients.grpc.guarding import CallGuard
from hardpoint.clients.grpc.settings import check_methods


@final
class GrpcClient:
    """One connection to a gRPC service.

    Args:
        driver: where it is, and what makes its channels.
        connection: the policy its calls run under.
    """

    def __init__(self, driver: GrpcDriver, connection: Connection) -> None:
        self.driver = driver
        self._methods = dict(driver.settings.methods)
        self._guard = CallGuard(driver.settings, connection)

    @property
    def channel(self) -> Any:
        """For the constructors of stubs: a channel of `grpc.aio`, or of `grpc` in blocking mode.

        In an event loop it is that loop's own, so make stubs where they are used.

        Raises:
            MisuseError: no event loop runs, or this process was forked from one that has called.
        """
        return self.driver.channels.channel(self._guard)

    def methods(self, repeats: Mapping[str, str]) -> None:
        """Say what a repeat of methods does, before what the configuration says.

        Args:
            repeats: `{"crm.Deals/Get": "safe", "crm.Deals/*": "needs_key"}`.

        Raises:
            ConfigurationError: no such class, or no name of a method.
        """
        check_methods(repeats)
        self._guard.say(repeats)

    async def health(self, service: str = "") -> str:
        """Ask the service how it is (`grpc.health.v1`): `SERVING`, or `NOT_SERVING`.

        Args:
            service: which of the server's; empty for the whole server.

        Raises:
            RpcError: it does not answer, or knows no such service.
        """
        return await self.driver.channels.health(self._guard, service)
