"""A connection whose calls another library makes: what the configuration says, and what users hold.

[connections.openai]
provider = "sdk"
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast, final

from hardpoint.core.effects import Clock, Ids
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.events import Listeners
from hardpoint.core.providers import Provider
from hardpoint.http.quotas import RATE_HEADERS, RateHeaders
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.repetition import REPEAT_CLASSES, RepeatClass

SDK: Final = "sdk"
"""The provider of a connection that has no adapter of ours."""

PROVIDER: Final = Provider(
    name=SDK,
    title="An SDK, or a client, under a policy",
    settings="hardpoint.calls.guarded_connection:SdkSettings",
)

_IN_HEADERS: Final = frozenset("!#$%&'*+-.^_`|~")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SdkSettings:
    """What is said about the calls of an SDK, or of an HTTP client.

    Attributes:
        idempotency_header: where this API takes idempotency keys, `Idempotency-Key`. A POST or
            PATCH without one gets one: the job's within a handler, so that each attempt has the
            same, else one for the call alone.
        repeat: what repeating a call does that does not only read, in place of what its method
            says: `idempotent`, `needs_key` or `never`; `safe` for an API that only reads.
        rate_headers: how its answers tell what is left of a limit: `auto`, `ietf`, `x-ratelimit`,
            `call-limit` or `none`. Calls wait where nothing is.
    """

    idempotency_header: str | None = None
    repeat: str | None = None
    rate_headers: str = "auto"

    def __post_init__(self) -> None:
        header, repeat = self.idempotency_header, self.repeat
        if header is not None and not (header and all(map(_in_header, header))):
            raise ConfigurationError("idempotency_header", f"{header!r:.80} is no header's name")
        if repeat is not None and repeat not in REPEAT_CLASSES:
            known = ", ".join(REPEAT_CLASSES)
            raise ConfigurationError(
                "repeat", f"{repeat!r:.80} is not known", fix=f"Known: {known}"
            )
        if self.rate_headers not in RATE_HEADERS:
            raise ConfigurationError(
                "rate_headers", "is no form of them", fix=f"One of {', '.join(RATE_HEADERS)}"
            )

    @property
    def repeat_class(self) -> RepeatClass | None:
        """`repeat`, which was looked at when this was made."""
        return cast("RepeatClass | None", self.repeat)

    @property
    def rate_form(self) -> RateHeaders:
        """`rate_headers`, likewise."""
        return cast("RateHeaders", self.rate_headers)


def _in_header(character: str) -> bool:
    return (character.isascii() and character.isalnum()) or character in _IN_HEADERS


@final
class GuardedConnection:
    """What `hub.guard` gives: a connection's policy, for the calls that another library makes.

    Every call is told of as those of a port are, with the correlation id of what is being done.

    Attributes:
        name: the connection's.
        provider: as it is configured.
        clock, ids: effects.
        listeners: told `AttemptEnded` and `CallEnded`.
    """

    __slots__ = ("_policy", "_settings", "clock", "ids", "listeners", "name", "provider")

    def __init__(
        self,
        name: str,
        provider: str,
        policy: Callable[[], Policy[Any]],
        settings: Callable[[], SdkSettings],
        *,
        clock: Clock,
        ids: Ids,
        listeners: Listeners,
    ) -> None:
        self.name = name
        self.provider = provider
        self._policy = policy
        self._settings = settings
        self.clock = clock
        self.ids = ids
        self.listeners = listeners

    @property
    def policy(self) -> Policy[Any]:
        """What its calls run under now: a configuration that is read again may change it.

        Raises:
            ConfigurationError: the connection is no longer configured.
        """
        return self._policy()

    @property
    def settings(self) -> SdkSettings:
        """What is said about its calls, likewise."""
        return self._settings()

    def __repr__(self) -> str:
        return f"GuardedConnection({self.name!r})"


def check_usable(policy: Policy[Any]) -> None:
    """See that a client can use every part of a policy.

    Raises:
        ConfigurationError: it cannot.
    """
    settings = policy.settings
    if settings.hedge is not None:
        raise ConfigurationError(
            f"{policy.name}.hedge", "is for functions: a client's connections know no race"
        )
    if settings.fallback is not None or not settings.critical:
        raise ConfigurationError(
            f"{policy.name}.{'fallback' if settings.critical else 'critical'}",
            "has no answer to give in place of the client's",
            fix="Put it into a policy around your own function, and leave it out here",
        )
