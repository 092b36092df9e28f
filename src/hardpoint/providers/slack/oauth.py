"""Slack's two authorization servers: OpenID for signing in, OAuth v2 for installing an app."""

from collections.abc import Mapping
from datetime import date

from hardpoint.core.errors import RefusalConcern
from hardpoint.oauth.catalogue import ClientAuth, Pkce, ProviderEntry, RefreshRotation, Revocation

_REFUSALS: Mapping[str, RefusalConcern] = {
    "invalid_code": "grant",
    "code_already_used": "grant",
    "invalid_refresh_token": "grant",
    "token_revoked": "grant",
    "token_expired": "grant",
    "account_inactive": "grant",
    "invalid_auth": "grant",
    "invalid_client_id": "client",
    "bad_client_secret": "client",
    "bad_redirect_uri": "client",
    "invalid_grant_type": "client",
    "oauth_authorization_url_mismatch": "client",
    "ratelimited": "transient",
    "rate_limited": "transient",
    "internal_error": "transient",
    "fatal_error": "transient",
    "service_unavailable": "transient",
    "request_timeout": "transient",
}

LOGIN = ProviderEntry(
    name="slack",
    authorize_url="https://slack.com/openid/connect/authorize",
    token_url="https://slack.com/api/openid.connect.token",
    userinfo_url="https://slack.com/api/openid.connect.userInfo",
    jwks_url="https://slack.com/openid/connect/keys",
    discovery_url="https://slack.com/.well-known/openid-configuration",
    issuer="https://slack.com",
    algorithms=frozenset({"RS256"}),
    api_hosts=frozenset({"slack.com"}),
    scopes=("openid", "email", "profile"),
    pkce=Pkce.NONE,
    client_auth=ClientAuth.POST,
    rotation=RefreshRotation.STRICT,
    errors=_REFUSALS,
    ok_field="ok",
    quirks=(
        "Signing in is a server of its own, apart from installing an app; both take one client.",
        "Errors come with status 200 and ok: false.",
        "PKCE turns an app into a public client for good, so it is not used.",
    ),
    verified_on=date(2026, 11, 28),
    sources=(
        "https://docs.slack.dev/authentication/sign-in-with-slack",
        "https://slack.com/.well-known/openid-configuration",
    ),
)
"""For signing in."""

CONNECT = ProviderEntry(
    name="slack",
    authorize_url="https://slack.com/oauth/v2/authorize",
    token_url="https://slack.com/api/oauth.v2.access",
    revocation_url="https://slack.com/api/auth.revoke",
    api_hosts=frozenset({"slack.com"}),
    scopes=("chat:write",),
    scope_separator=",",
    granted_separator=",",
    pkce=Pkce.NONE,
    client_auth=ClientAuth.BASIC,
    rotation=RefreshRotation.STRICT,
    errors=_REFUSALS,
    ok_field="ok",
    slots=("authed_user",),
    account_field="team.id",
    revocation=Revocation.BEARER,
    quirks=(
        "Errors come with status 200 and ok: false.",
        "One answer brings up to two credentials: the bot's, and under authed_user the person's.",
        "What is asked of the person stands in user_scope, apart from the bot's scope.",
        (
            "Tokens never expire unless the app has token rotation, which is for good; then they"
            " last 12 hours and each refresh token works once."
        ),
        "The account is the workspace: team.id.",
        "PKCE turns an app into a public client for good, so it is not used.",
    ),
    verified_on=date(2026, 11, 28),
    sources=(
        "https://docs.slack.dev/authentication/installing-with-oauth",
        "https://docs.slack.dev/authentication/using-token-rotation",
        "https://docs.slack.dev/reference/methods/oauth.v2.access",
        "https://docs.slack.dev/reference/methods/auth.revoke",
    ),
)
"""For installing an app in a workspace."""
