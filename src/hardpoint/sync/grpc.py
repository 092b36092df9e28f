"""The blocking facade of `hardpoint.clients.grpc`; written by scripts/generate_sync."""

from collections.abc import Mapping
from hardpoint.runtime.blocking import run
from typing import Any
import hardpoint.clients.grpc.api as asynchronous

class GrpcClient:
    """One connection to a gRPC service.

    Args:
        driver: where it is, and what makes its channels.
        connection: the policy its calls run under.
    """

    def __init__(self, wrapped: asynchronous.GrpcClient) -> None:
        self.asynchronous = wrapped

    @property
    def channel(self) -> Any:
        """For the constructors of stubs: a channel of `grpc.aio`, or of `grpc` in blocking mode.

        In an event loop it is that loop's own, so make stubs where they are used.

        Raises:
            MisuseError: no event loop runs, or this process was forked from one that has called.
        """
        return self.asynchronous.channel

    def methods(self, repeats: Mapping[str, str]) -> None:
        """Say what a repeat of methods does, before what the configuration says.

        Args:
            repeats: `{"crm.Deals/Get": "safe", "crm.Deals/*": "needs_key"}`.

        Raises:
            ConfigurationError: no such class, or no name of a method.
        """
        return self.asynchronous.methods(repeats)

    def health(self, service: str='') -> str:
        """Ask the service how it is (`grpc.health.v1`): `SERVING`, or `NOT_SERVING`.

        Args:
            service: which of the server's; empty for the whole server.

        Raises:
            RpcError: it does not answer, or knows no such service.
        """
        return run(self.asynchronous.health(service))
