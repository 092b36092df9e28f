"""What a gRPC connection stands on: its settings, and what makes its channels."""

from typing import Any, Protocol, final

from hardpoint.clients.grpc.guarding import CallGuard
from hardpoint.clients.grpc.settings import GrpcSettings


class GrpcChannels(Protocol):
    """Makes channels, of one way of waiting."""

    def channel(self, guard: CallGuard) -> Any:
        """One for whoever asks."""
        ...

    async def health(self, guard: CallGuard, service: str) -> str:
        """What the service says of itself."""
        ...


@final
class GrpcDriver:
    """The service.

    Args:
        channels: `AsyncChannels` or `BlockingChannels`.
        settings: the service's.
    """

    def __init__(self, channels: GrpcChannels, settings: GrpcSettings) -> None:
        self.channels = channels
        self.settings = settings
