"""What a channel is made with, whichever way it waits."""

from typing import Any, Final, final

import grpc

from hardpoint.clients.grpc.settings import GrpcSettings
from hardpoint.core.arguments import TEXT, expect, is_sendable
from hardpoint.core.errors import ConfigurationError, InvalidRequestError, MisuseError
from hardpoint.core.forks import forget_in_child

HEALTH: Final = "/grpc.health.v1.Health/Check"
_STATES: Final = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_SERVICE_BYTES_MAX: Final = 127


def asked_health(service: str) -> bytes:
    """A `HealthCheckRequest`: its one field, of a length that one byte tells.

    Raises:
        InvalidRequestError: the service's name is too long, or no text.
    """
    expect(service, str, "service", TEXT)
    if not is_sendable(service):
        raise InvalidRequestError("is no name of a service", field="service")
    name = service.encode()
    if len(name) > _SERVICE_BYTES_MAX:
        raise InvalidRequestError(f"has more than {_SERVICE_BYTES_MAX} bytes", field="service")
    return b"\x0a" + bytes([len(name)]) + name if name else b""


def health_said(answer: bytes) -> str:
    """The status in a `HealthCheckResponse`; the first there is, 0, is not written."""
    number = answer[1] if len(answer) >= 2 and answer[0] == 8 else 0
    return _STATES[number] if number < len(_STATES) else _STATES[0]


@final
class ChannelFacts:
    """The options and credentials of a service's channels.

    Raises:
        ConfigurationError: the certificates cannot be read.
    """

    def __init__(self, settings: GrpcSettings) -> None:
        self.settings = settings
        self.options: list[tuple[str, Any]] = [
            ("grpc.enable_retries", 0),  # within one call only the policy retries
            ("grpc.enable_http_proxy", 0),
            ("grpc.max_receive_message_length", settings.message_bytes_max),
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.http2.max_pings_without_data", 0),
        ]
        self.credentials: Any = None
        if settings.tls:
            self.credentials = grpc.ssl_channel_credentials(_authorities(settings))
        self._made = self._foreign = False
        forget_in_child(self)

    def forget(self) -> None:
        """In a forked child the library of its parent's channels stands still for ever."""
        self._foreign = self._made

    def check(self) -> None:
        """See that a channel can be made, or used, here.

        Raises:
            MisuseError: this process was forked after its parent had made one.
        """
        if self._foreign:
            raise MisuseError(
                "gRPC does not survive a fork: make the first call in the child, not before"
            )
        self._made = True


def _authorities(settings: GrpcSettings) -> bytes | None:
    if settings.authorities is None:
        return None
    try:
        return settings.authorities.read_bytes()
    except OSError as error:
        raise ConfigurationError("authorities", f"cannot be read ({error.strerror})") from None
