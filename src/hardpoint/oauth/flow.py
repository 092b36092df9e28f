"""What a flow is: what is kept of it, how it begins, and what it ends with."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol, final

import msgspec

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.oauth.effects import derived
from hardpoint.oauth.endpoint import TokenEndpoint
from hardpoint.oauth.identity import Identify, Identity
from hardpoint.oauth.logout import LogoutNotices
from hardpoint.oauth.tokens import Tokens

CALLBACK = "/auth/callback/"
"""Where answers come, before the name of the provider they are of."""
SIGNED_OUT = "/auth/logout/"
"""Where a provider tells us that somebody has signed out there, likewise."""


class FlowKind(Enum):
    """What a flow is for."""

    LOGIN = "login"
    CONNECT = "connect"
    UPGRADE = "upgrade"
    """More scopes for a connection that is there."""
    RECONNECT = "reconnect"
    """A grant in place of one that is gone."""


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept while a person is at the provider.

    Attributes:
        key: the hash of the state.
        kind: what for.
        provider: at which.
        browser: the hash of what the browser holds.
        salt: of this flow alone; with what the browser holds it gives verifier and nonce.
        return_to: where to afterwards.
        scopes: what was asked for.
        user: who was signed in when it began, where that matters.
        connection, account: which connection it renews, and whose account that is.
        age_max: seconds since the person last proved who they are, where it was asked.
        expires_at: Unix seconds.
    """

    key: str
    kind: FlowKind
    provider: str
    browser: str
    salt: bytes
    return_to: str
    scopes: tuple[str, ...]
    user: str | None
    connection: str | None
    account: str | None
    age_max: float | None
    expires_at: float

    def verifier(self, held: str) -> str:
        """The PKCE verifier, from what is kept and what the browser holds (RFC 7636, 4.1)."""
        return derived(self.salt, held, "verifier")

    def nonce(self, held: str) -> str:
        """The nonce, likewise."""
        return derived(self.salt, held, "nonce")


class FlowStore(Protocol):
    """Keeps flows: an effect. They outlive a restart, and are gone once used."""

    async def put_flow(self, flow: Flow, most: int, now: float, /) -> None:
        """Keep one durably, drop what has expired, and of its browser the oldest beyond `most`."""
        ...

    async def find_flow(self, key: str, /) -> Flow | None:
        """The flow of that state."""
        ...

    async def take_flow(self, key: str, /) -> bool:
        """Use it up; true for one caller alone, ever."""
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Authority:
    """One authorization server as we use it, for signing in or for connecting accounts.

    Args:
        endpoint: our client at its token endpoint, with a redirect URI that no other has.
        identify: finds out whose tokens they are. Signing in needs it.
        notices: reads its notices of people who signed out there, where it can send such.
        logout: whether people who sign out here are sent there, to sign out there too.
        id_token_hint: whether its sign-out page wants the ID token of whoever comes.

    Raises:
        ConfigurationError: there is no redirect URI.
    """

    endpoint: TokenEndpoint
    identify: Identify | None = None
    notices: LogoutNotices | None = None
    logout: bool = False
    id_token_hint: bool = False

    def __post_init__(self) -> None:
        if self.endpoint.client.redirect_uri is None:
            raise ConfigurationError(
                f"oauth.{self.endpoint.client.entry.name}.redirect_uri", "is missing"
            )


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A flow under way: where to send the browser, and what it has to hold meanwhile.

    With `form_post` the answer comes as a form that the provider's page posts.
    """

    url: str
    held: str
    form_post: bool = False

    def __repr__(self) -> str:
        return "Begun(****)"


class FlowDone(msgspec.Struct, frozen=True, kw_only=True):
    """A flow that came back with proof.

    Attributes:
        kind, provider, return_to: as it began.
        tokens: what the provider gave.
        identity: whose they are, where it says.
        account: the name of the account at the provider, where it says.
        user: who connects it.
        connection: which connection it renews.
        missing: scopes that were asked for and not granted; users may untick some.
        id_token_hint: the ID token that a sign-out at the provider will want.
    """

    kind: FlowKind
    provider: str
    return_to: str
    tokens: Tokens
    identity: Identity | None
    account: str | None
    user: str | None
    connection: str | None
    missing: tuple[str, ...]
    id_token_hint: Secret | None = None

    def __repr__(self) -> str:
        return f"Done({self.kind.value}, {self.provider!r}, ****)"


class FlowFinished(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody has signed in, or connected an account."""

    kind: str
    provider: str


class FlowRefused(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody came back from a provider, and it did not succeed."""

    provider: str
    """Empty where the path names none of ours."""
    reason: str
    """As the error says it, `invalid_client` for one; `provider` where it is the provider."""
    error: str | None = None
    """What a provider, or our registration there, did wrong: the visitor cannot mend it."""

    @property
    def severity(self) -> str:
        """A visitor who changed their mind is no warning."""
        return "info" if self.error is None else "warning"
