"""An authorization server as a configuration describes it: one without a folder of its own here.

[oauth.acme]
authorize_url = "https://acme.example/oauth/authorize"
token_url = "https://acme.example/oauth/token"
client_id = "shop"
client_secret = "env:ACME_CLIENT_SECRET"

The other keys say where it differs from RFC 6749. With `issuer` they correct what its document
says, or cannot say.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from hardpoint.core.errors import ConfigurationError, RefusalConcern
from hardpoint.http.limits import checked_url
from hardpoint.oauth.catalogue import (
    BodyEncoding,
    Expiry,
    Pkce,
    ProviderEntry,
    RefreshRotation,
    Revocation,
)

_PLACE: Final = re.compile(r"\{(\w+)\}")
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
"""What may fill a place: one label of a host name, which can lead to no other host."""
_ENDPOINTS: Final = ("authorize_url", "token_url")

WrittenText = Annotated[str, Meta(min_length=1, max_length=500)]
MemberPath = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\Z")]
Lifetime = Annotated[float, Meta(gt=0, le=10 * 366 * 86_400)]
RefusalStatus = Annotated[str, Meta(pattern=r"\A[45][0-9][0-9]\Z")]
AnswerField = Literal[
    "access_token",
    "refresh_token",
    "id_token",
    "token_type",
    "scope",
    "expires_in",
    "expires_at",
    "refresh_token_expires_in",
    "error_description",
]


class ProviderTraits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a configuration may say of a provider; each as `ProviderEntry` has it.

    Attributes:
        authorize_url, token_url: where browsers go, and where tokens come from.
        refresh_url, revoke_url, introspect_url, userinfo_url, device_url, logout_url: where it has
            them.
        api_hosts: where its tokens may be sent with `vault.authorization`.
        pkce: false where it refuses or ignores it.
        token_body: `form` or `json`.
        response_mode: `query`, or `form_post`.
        statuses: what a refusal means by its status, `{ 403 = "grant" }`.
    """

    authorize_url: WrittenText | None = None
    token_url: WrittenText | None = None
    refresh_url: WrittenText | None = None
    revoke_url: WrittenText | None = None
    introspect_url: WrittenText | None = None
    userinfo_url: WrittenText | None = None
    device_url: WrittenText | None = None
    logout_url: WrittenText | None = None
    api_hosts: tuple[WrittenText, ...] = ()
    sends_iss: bool = False
    scope_separator: Literal[" ", ",", "+"] = " "
    granted_separator: Literal[" ", ",", "+"] = " "
    pkce: bool = True
    token_body: BodyEncoding = BodyEncoding.FORM
    token_params: Mapping[WrittenText, WrittenText] = {}
    token_headers: Mapping[WrittenText, WrittenText] = {}
    assertion_audience: WrittenText | None = None
    code_parameter: MemberPath = "code"
    callback_fields: tuple[MemberPath, ...] = ()
    callback_hmac: MemberPath | None = None
    response_mode: Literal["query", "form_post"] = "query"
    rotation: RefreshRotation = RefreshRotation.STRICT
    reuse_grace: Lifetime | None = None
    expiry: Expiry = Expiry.SECONDS
    access_seconds: Lifetime | None = None
    refresh_seconds: Lifetime | None = None
    refresh_idle_seconds: Lifetime | None = None
    errors: Mapping[WrittenText, RefusalConcern] = {}
    statuses: Mapping[RefusalStatus, RefusalConcern] = {}
    error_field: MemberPath = "error"
    ok_field: MemberPath | None = None
    answer_fields: Mapping[AnswerField, MemberPath] = {}
    account_field: MemberPath | None = None
    subject_field: MemberPath | None = None
    email_field: MemberPath | None = None
    email_verified_field: MemberPath | None = None
    revocation: Revocation = Revocation.TOKEN


TRAITS: Final = frozenset(ProviderTraits.__struct_fields__)
_RENAMED: Final[Mapping[str, str]] = {
    "revoke_url": "revocation_url",
    "introspect_url": "introspection_url",
    "logout_url": "end_session_url",
    "token_body": "encoding",
    "response_mode": "form_post",
}


def entry_facts(name: str, written: Mapping[str, Any]) -> dict[str, Any]:
    """What is written of a provider, as arguments of a `ProviderEntry`.

    Args:
        name: of the registration.
        written: by key, as TOML has it.

    Raises:
        ConfigurationError: a value is none that its key may have, or an address none we go to.
    """
    try:
        traits = msgspec.convert(dict(written), ProviderTraits)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at ")
        path = re.split(r"[.\[`]", place.partition("$.")[2])[0]
        raise ConfigurationError(
            f"oauth.{name}.{path}", f"is not one it may have: {problem}"
        ) from None
    for key in written:
        if key.endswith("_url"):
            checked_url(_PLACE.sub("x", written[key]), key=f"oauth.{name}.{key}")
    facts: dict[str, Any] = {
        _RENAMED.get(key, key): getattr(traits, key) for key in written if key in TRAITS
    }
    if "pkce" in facts:
        facts["pkce"] = Pkce.S256 if traits.pkce else Pkce.NONE
    if "form_post" in facts:
        facts["form_post"] = traits.response_mode == "form_post"
    if "api_hosts" in facts:
        facts["api_hosts"] = frozenset(traits.api_hosts)
    if "statuses" in facts:
        facts["statuses"] = {int(status): meant for status, meant in traits.statuses.items()}
    return facts


def described(
    name: str, written: Mapping[str, Any], inputs: Mapping[str, str], *, sends_users: bool
) -> ProviderEntry:
    """The entry of a provider that a configuration describes.

    Args:
        name: of the registration.
        written: what it says, by key.
        inputs: what fills the places in its addresses and hosts.
        sends_users: whether browsers go there.

    Raises:
        ConfigurationError: an address is missing or none we go to, or a value makes no sense.
    """
    facts = entry_facts(name, written)
    for key in _ENDPOINTS if sends_users else _ENDPOINTS[1:]:
        if key not in facts:
            raise ConfigurationError(
                f"oauth.{name}.{key}", "is missing", fix="Or name a provider, or an issuer"
            )
    hosts: frozenset[str] = facts.pop("api_hosts", frozenset())
    urls = " ".join(value for key, value in facts.items() if key.endswith("_url"))
    places = dict.fromkeys(_PLACE.findall(" ".join((urls, *hosts))), _LABEL)
    known: dict[str, Any] = {
        "authorize_url": "",
        **facts,
        "name": name,
        "api_hosts": frozenset[str](),
        "inputs": places,
        "verified_on": date.min,  # by nobody: the configuration answers for it
        "sources": (),
    }
    entry = ProviderEntry(**known).filled(inputs)
    filled = {_PLACE.sub(lambda place: inputs[place[1]], host).lower() for host in hosts}
    return replace(entry, api_hosts=frozenset(filled))


def corrected(entry: ProviderEntry, written: Mapping[str, Any]) -> ProviderEntry:
    """The entry of an issuer, with what a configuration says beside its document.

    Raises:
        ConfigurationError: a value makes no sense.
    """
    facts = entry_facts(entry.name, written)
    facts["api_hosts"] = entry.api_hosts | facts.get("api_hosts", frozenset())
    return replace(entry, **facts)
