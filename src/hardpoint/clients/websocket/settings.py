"""What a configuration says of a WebSocket: what it says of any API, and what its closes mean."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Final, Literal, final

from hardpoint.clients.rest.settings import RestSettings
from hardpoint.core.errors import ConfigurationError
from hardpoint.resilience.options import count

CLOSES: Final = ("again", "later", "anew", "renew", "end", "refused")
"""What may follow a close: another connection, after half a minute at least, without what is known
of the session, with other credentials; nothing, in good order; nothing, and an error."""

_KNOWN: Final[Mapping[int, str]] = {
    1002: "refused",  # RFC 6455, 7.4.1: what we said was no WebSocket to them, or what they said
    1003: "refused",
    1007: "refused",
    1008: "refused",
    1009: "refused",
    1010: "refused",
    1013: "later",  # IANA: try again later
    3000: "renew",  # IANA: unauthorized
    3003: "refused",  # IANA: forbidden
}
_CODE: Final = re.compile(r"[134]\d{3}", re.ASCII)
_HTTP: Final = {"wss": "https", "ws": "http"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketSettings(RestSettings):
    """One account at a WebSocket: everything of `RestSettings`, and these.

    Args:
        base_url: `wss://feed.example/v1`; paths go below it.
        subprotocols: those that this side speaks, the best first.
        closes: what a code means that the other side closes with, `{ "4004" = "refused" }`; one of
            `again`, `later`, `anew`, `renew`, `end`, `refused`. What nobody names is `again`.

    Raises:
        ConfigurationError: naming what is wrong.
    """

    subprotocols: tuple[str, ...] = ()
    closes: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        if find_spec("websockets") is None:
            raise ConfigurationError(
                "provider", "needs websockets", fix="pip install 'hardpoint[websocket]'"
            )
        scheme, colon, rest = self.base_url.partition("://")
        object.__setattr__(self, "base_url", f"{_HTTP.get(scheme, scheme)}{colon}{rest}")
        RestSettings.__post_init__(self)  # slots: `super()` would be of another class
        for code, meaning in self.closes.items():
            if not _CODE.fullmatch(code) or meaning not in CLOSES:
                raise ConfigurationError(
                    f"closes.{code}",
                    f"is {meaning!r:.40}",
                    fix=f'Write closes = {{ "4004" = "refused" }}; one of {", ".join(CLOSES)}',
                )

    def meaning(self, code: int) -> str:
        """What follows a close with this code."""
        return self.closes.get(str(code)) or _KNOWN.get(code, "again")


@final
@dataclass(frozen=True, slots=True)
class Buffer:
    """What waits here while nobody takes it.

    Attributes:
        messages: how many; with the largest message they are no more than 256 MiB.
        when_full: `wait`: no more is read, and the other side has to wait; `drop_oldest`: the
            oldest go, and a `Gap` tells how many; `close`: the connection is closed, and taken up
            again when all that is here was given.
    """

    messages: int = 64
    when_full: Literal["wait", "drop_oldest", "close"] = "wait"

    def __post_init__(self) -> None:
        count("Buffer.messages", self.messages, most=1_000_000)
        if self.when_full not in {"wait", "drop_oldest", "close"}:
            raise ConfigurationError(
                "Buffer.when_full", f"is {self.when_full!r:.40}", fix="wait, drop_oldest or close"
            )
