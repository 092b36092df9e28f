"""What we know of an authorization server, as data: one frozen entry beside each provider.

    ENTRY = Entry(
        name="acme",
        authorize_url="https://acme.example/oauth/authorize",
        token_url="https://acme.example/oauth/token",
        api_hosts=frozenset({"api.acme.example"}),
        rotation=Rotation.GRACE,
        reuse_grace=600,
        verified_on=date(2026, 11, 23),
        sources=("https://acme.example/docs/oauth",),
    )

What decides whether connections survive has fields of its own: rotation, reuse, lifetimes, errors.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from enum import Enum
from typing import Self, final
from urllib.parse import urlsplit, urlunsplit

from hardpoint.core.errors import ConfigurationError, RefusalConcern
from hardpoint.core.secrets import Secret
from hardpoint.http.limits import checked_url, on_loopback

_PLACE = re.compile(r"\{(\w+)\}")


class RefreshRotation(Enum):
    """What may be done with a refresh token that may have been used up."""

    STATIC = "static"
    """It keeps working, whether or not a new one comes with each answer: send it again freely."""
    GRACE = "grace"
    """It works again for `reuse_grace` seconds after its first use."""
    STRICT = "strict"
    """It works once; a second use may end the whole grant, the living access token included."""


class Pkce(Enum):
    """Proof Key for Code Exchange, RFC 7636; `plain` is never used."""

    S256 = "S256"
    NONE = "none"
    """The server refuses or ignores it."""


class ClientAuth(Enum):
    """How the client proves who it is at the token endpoint, RFC 6749 2.3."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY_JWT = "private_key_jwt"
    """A statement signed with our own key, RFC 7523 2.2."""
    NONE = "none"
    """A public client: its id alone."""


class BodyEncoding(Enum):
    """How the token endpoint wants its requests."""

    FORM = "form"
    JSON = "json"


class Expiry(Enum):
    """How an answer says when the access token ends."""

    SECONDS = "seconds"
    """`expires_in`, RFC 6749."""
    MILLISECONDS = "milliseconds"
    """`expires_in`, a thousandfold."""
    DATE = "date"
    """`expires_at`, ISO 8601."""


class Revocation(Enum):
    """How a grant is given back."""

    TOKEN = "token"  # noqa: S105 - a word
    """RFC 7009: `token` in a form, with the client's credentials."""
    BEARER = "bearer"
    """An empty POST under the access token itself."""
    DELETE = "delete"
    """A DELETE with Basic credentials and the access token in JSON; `CLIENT_ID` in the address is
    ours."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEntry:
    """One authorization server.

    Attributes:
        name: the provider's, `github`.
        authorize_url, token_url: its two endpoints; the first is empty where no user is sent.
            `{place}` in a URL stands for one of `inputs`.
        api_hosts: where its access tokens may be sent; nowhere else.
        refresh_url: where refresh tokens are sent, if not to `token_url`.
        revocation_url, introspection_url, userinfo_url, device_url, jwks_url, discovery_url,
            end_session_url: the others, where it has them.
        issuer: the `iss` of its ID tokens; None for no OpenID provider.
        issuer_aliases: other spellings of it that its tokens are known to carry.
        algorithms: what its ID tokens may be signed with.
        sends_iss: its callbacks carry `iss` (RFC 9207), so that one without is refused.
        inputs: for each place in the URLs, the pattern of its whole value.
        scopes: what is asked for unless told otherwise.
        scope_separator, granted_separator: in our request, and in its answer.
        pkce, client_auth, encoding: how it is spoken to.
        assertion_audience: whom a statement of `private_key_jwt` is for; else the token endpoint.
        form_post: an answer comes as a form that the browser posts.
        authorize_params, token_params, token_headers: sent along.
        code_parameter: the callback's name for the code.
        callback_fields: what else of the callback is kept among the tokens' details.
        callback_hmac: the callback's name for the HMAC-SHA256 of all that it says besides, by the
            client's secret, where the provider signs callbacks so.
        rotation, reuse_grace: see `RefreshRotation`; the grace in seconds.
        expiry: see `Expiry`.
        access_seconds: an access token's life where an answer does not say; None when it has no
            end, or nobody knows.
        refresh_seconds: a refresh token's life from its issue, where an answer does not say.
        refresh_idle_seconds: its life without use; it is refreshed well before.
        errors: its own codes, on top of RFC 6749's, and what they mean.
        statuses: what a refusal means by its status, where its code is none that we know.
        error_field, ok_field: where an answer with status 200 says that it is a refusal; the field
            may lie deeper, `error.code`. With an `ok_field` that holds for revocations too.
        answer_fields: where its answers have what RFC 6749 5.1 names otherwise,
            `{"access_token": "data.token"}`.
        slots: further credentials of one answer, by the name of the object that holds them.
        account_field: what in the answer names the account, `team.id`.
        subject_field, email_field, email_verified_field: what at `userinfo_url` says who somebody
            is, for a provider without ID tokens.
        revocation: see `Revocation`.
        quirks: what else to know, for people.
        verified_on: when all this was last compared with `sources`.
    """

    name: str
    authorize_url: str
    token_url: str
    api_hosts: frozenset[str]
    verified_on: date
    sources: tuple[str, ...]
    refresh_url: str | None = None
    revocation_url: str | None = None
    introspection_url: str | None = None
    userinfo_url: str | None = None
    device_url: str | None = None
    jwks_url: str | None = None
    discovery_url: str | None = None
    end_session_url: str | None = None
    issuer: str | None = None
    issuer_aliases: tuple[str, ...] = ()
    algorithms: frozenset[str] = frozenset({"RS256"})
    sends_iss: bool = False
    inputs: Mapping[str, str] = field(default_factory=dict[str, str])
    scopes: tuple[str, ...] = ()
    scope_separator: str = " "
    granted_separator: str = " "
    pkce: Pkce = Pkce.S256
    client_auth: ClientAuth = ClientAuth.BASIC
    encoding: BodyEncoding = BodyEncoding.FORM
    assertion_audience: str | None = None
    form_post: bool = False
    authorize_params: Mapping[str, str] = field(default_factory=dict[str, str])
    token_params: Mapping[str, str] = field(default_factory=dict[str, str])
    token_headers: Mapping[str, str] = field(default_factory=dict[str, str])
    code_parameter: str = "code"
    callback_fields: tuple[str, ...] = ()
    callback_hmac: str | None = None
    rotation: RefreshRotation = RefreshRotation.STRICT
    reuse_grace: float = 0.0
    expiry: Expiry = Expiry.SECONDS
    access_seconds: float | None = None
    refresh_seconds: float | None = None
    refresh_idle_seconds: float | None = None
    errors: Mapping[str, RefusalConcern] = field(default_factory=dict[str, RefusalConcern])
    statuses: Mapping[int, RefusalConcern] = field(default_factory=dict[int, RefusalConcern])
    error_field: str = "error"
    ok_field: str | None = None
    answer_fields: Mapping[str, str] = field(default_factory=dict[str, str])
    slots: tuple[str, ...] = ()
    account_field: str | None = None
    subject_field: str | None = None
    email_field: str | None = None
    email_verified_field: str | None = None
    revocation: Revocation = Revocation.TOKEN
    quirks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, url in self._urls():
            checked_url(_PLACE.sub("x", url), key=f"oauth.{self.name}.{name}")
            unknown = set(_PLACE.findall(url)) - set(self.inputs)
            if unknown:
                raise ConfigurationError(
                    f"oauth.{self.name}.{name}", f"has places without a pattern: {sorted(unknown)}"
                )
        if (self.rotation is RefreshRotation.GRACE) is not (self.reuse_grace > 0):
            raise ConfigurationError(
                f"oauth.{self.name}.reuse_grace",
                "belongs to RefreshRotation.GRACE, and to it alone",
            )

    def filled(self, inputs: Mapping[str, str]) -> Self:
        """The entry with every place filled.

        Raises:
            ConfigurationError: a value is missing, unknown, or not what its pattern allows.
        """
        for name in sorted(set(self.inputs) | set(inputs)):
            key = f"oauth.{self.name}.inputs.{name}"
            if name not in self.inputs:
                raise ConfigurationError(key, "is not an input of this provider")
            if name not in inputs:
                raise ConfigurationError(key, "is missing")
            if not re.fullmatch(self.inputs[name], inputs[name], re.ASCII):
                raise ConfigurationError(key, f"does not match {self.inputs[name]}")
        changed = {
            name: _PLACE.sub(lambda place: inputs[place[1]], url) for name, url in self._urls()
        }
        return replace(self, **changed, inputs={})  # pyright: ignore[reportArgumentType]

    def at(self, base_url: str) -> Self:
        """The entry with all its endpoints on loopback, for a fake; paths stay.

        Raises:
            ConfigurationError: that is not loopback.
        """
        base = urlsplit(checked_url(base_url, key=f"oauth.{self.name}.base_url"))
        if not on_loopback(base.hostname):
            raise ConfigurationError(f"oauth.{self.name}.base_url", "is not on loopback")
        moved = {
            name: urlunsplit((base.scheme, base.netloc, *urlsplit(url)[2:]))
            for name, url in self._urls()
        }
        return replace(self, **moved)  # pyright: ignore[reportArgumentType]

    def verdict(self, code: str) -> RefusalConcern | None:
        """What an error code means: the provider's own list goes before RFC 6749's."""
        return self.errors.get(code) or STANDARD_ERRORS.get(code)

    def _urls(self) -> list[tuple[str, str]]:
        return [
            (one.name, url)
            for one in fields(self)
            if one.name.endswith("_url") and (url := getattr(self, one.name))
        ]


STANDARD_ERRORS: Mapping[str, RefusalConcern] = {
    "invalid_grant": "grant",
    "invalid_client": "client",
    "unauthorized_client": "client",
    "unsupported_grant_type": "client",
    "invalid_scope": "client",
    "invalid_request": "client",
    "invalid_target": "client",
    "interaction_required": "interaction",
    "login_required": "interaction",
    "consent_required": "interaction",
    "account_selection_required": "interaction",
    "temporarily_unavailable": "transient",
    "server_error": "transient",
    "slow_down": "transient",
}
"""RFC 6749 4.1.2.1 and 5.2, RFC 8628 3.5, RFC 8707 2, OpenID Connect Core 3.1.2.6."""


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Client:
    """What the provider knows us by.

    Args:
        entry: the authorization server, every place in its URLs filled.
        client_id: public.
        client_secret: read at each use, so that it can rotate; None for a public client.
        client_key: likewise the private key, in PEM, of `private_key_jwt`.
        client_key_id: what the provider knows that key by, where it has a name.
        redirect_uri: where callbacks come, exactly as registered; None where no user is sent.
        scopes: what to ask for; the entry's otherwise.
        for_itself: its tokens are its own, not a user's (RFC 6749 4.4).

    Raises:
        ConfigurationError: the entry wants a secret or a key, or has places left to fill.
    """

    entry: ProviderEntry
    client_id: str
    client_secret: Secret | None = None
    client_key: Secret | None = None
    client_key_id: str | None = None
    redirect_uri: str | None = None
    scopes: tuple[str, ...] = field(default=())
    for_itself: bool = False

    def __post_init__(self) -> None:
        key = f"oauth.{self.entry.name}"
        if self.entry.inputs:
            raise ConfigurationError(f"{key}.inputs", f"are missing: {sorted(self.entry.inputs)}")
        if not self.client_id.strip() or not self.client_id.isprintable():
            raise ConfigurationError(f"{key}.client_id", "is empty or not printable")
        needed = _PROOFS.get(self.entry.client_auth)
        if needed is not None and getattr(self, needed) is None:
            raise ConfigurationError(
                f"{key}.{needed}", "is missing", fix="Name one: env:NAME or file:PATH"
            )


_PROOFS: Mapping[ClientAuth, str] = {
    ClientAuth.BASIC: "client_secret",
    ClientAuth.POST: "client_secret",
    ClientAuth.PRIVATE_KEY_JWT: "client_key",
}
"""What each way of proof stands on."""
