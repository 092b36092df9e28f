"""Google's authorization server: one client signs people in and connects their accounts."""

from dataclasses import replace
from datetime import date

from hardpoint.oauth.catalogue import ClientAuth, ProviderEntry, RefreshRotation

LOGIN = ProviderEntry(
    name="google",
    authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
    token_url="https://oauth2.googleapis.com/token",
    revocation_url="https://oauth2.googleapis.com/revoke",
    userinfo_url="https://openidconnect.googleapis.com/v1/userinfo",
    device_url="https://oauth2.googleapis.com/device/code",
    jwks_url="https://www.googleapis.com/oauth2/v3/certs",
    discovery_url="https://accounts.google.com/.well-known/openid-configuration",
    issuer="https://accounts.google.com",
    issuer_aliases=("accounts.google.com",),
    algorithms=frozenset({"RS256"}),
    api_hosts=frozenset(
        {"www.googleapis.com", "openidconnect.googleapis.com", "gmail.googleapis.com"}
    ),
    # The short names `email` and `profile` come back as these; asked for so, they compare.
    scopes=(
        "openid",
        "https://www.googleapis.com/auth/userinfo.email",
        "https://www.googleapis.com/auth/userinfo.profile",
    ),
    client_auth=ClientAuth.POST,
    rotation=RefreshRotation.STATIC,
    access_seconds=3600,
    refresh_idle_seconds=180 * 86_400,
    errors={
        "admin_policy_enforced": "grant",
        "deleted_client": "client",
        "disabled_client": "client",
        "org_internal": "client",
        "redirect_uri_mismatch": "client",
        "rate_limit_exceeded": "transient",
        "internal_failure": "transient",
    },
    quirks=(
        "A refresh token comes with the first consent alone, unless prompt=consent is asked for.",
        "The answer to a refresh leaves the refresh token out; the old one stays.",
        "While the consent screen is in testing, refresh tokens last 7 days.",
        "An account has 100 refresh tokens for each client; the oldest goes without a word.",
        "A changed password ends grants with mail scopes.",
        "Users may untick scopes; what is missing is told.",
        "A domain's own users are known by the claim hd, checked by you, and never by the address.",
    ),
    verified_on=date(2026, 11, 28),
    sources=(
        "https://developers.google.com/identity/openid-connect/openid-connect",
        "https://developers.google.com/identity/protocols/oauth2/web-server",
        "https://accounts.google.com/.well-known/openid-configuration",
    ),
)
"""For signing in: who somebody is, and nothing that lasts."""

CONNECT = replace(
    LOGIN,
    scopes=LOGIN.scopes[:2],
    authorize_params={
        "access_type": "offline",
        "prompt": "consent",
        "include_granted_scopes": "true",
    },
)
"""For connecting an account: with a refresh token, keeping what was granted before."""
