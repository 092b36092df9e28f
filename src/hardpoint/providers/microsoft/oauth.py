"""Microsoft's identity platform, version 2.0: one server for every tenant."""

from dataclasses import replace
from datetime import date

from hardpoint.oauth.catalogue import ClientAuth, ProviderEntry, RefreshRotation

_BASE = "https://login.microsoftonline.com/{tenant}"

LOGIN = ProviderEntry(
    name="microsoft",
    authorize_url=f"{_BASE}/oauth2/v2.0/authorize",
    token_url=f"{_BASE}/oauth2/v2.0/token",
    userinfo_url="https://graph.microsoft.com/oidc/userinfo",
    device_url=f"{_BASE}/oauth2/v2.0/devicecode",
    jwks_url=f"{_BASE}/discovery/v2.0/keys",
    discovery_url=f"{_BASE}/v2.0/.well-known/openid-configuration",
    # The issuer names the tenant of the person, whichever tenant the URLs name.
    issuer="https://login.microsoftonline.com/{tid}/v2.0",
    algorithms=frozenset({"RS256"}),
    inputs={
        "tenant": r"common|organizations|consumers"
        r"|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z0-9-]{1,63}\.onmicrosoft\.com"
    },
    api_hosts=frozenset({"graph.microsoft.com"}),
    scopes=("openid", "email", "profile"),
    client_auth=ClientAuth.POST,
    rotation=RefreshRotation.STATIC,
    refresh_idle_seconds=90 * 86_400,
    quirks=(
        "An access token lasts 60 to 90 minutes, by chance; the answer says how long.",
        "Each refresh brings a new refresh token, and the old one keeps working.",
        "A refresh token lasts 90 days from its issue; 24 hours for redirects of type spa.",
        "There is no revocation endpoint.",
        (
            "The address is whatever an administrator of the person's tenant wrote: it is never"
            " said to be verified, and nobody is to be known by it."
        ),
        (
            "common and organizations take people of every tenant in the world: say whose you take"
            " (tenants), or that you take all."
        ),
        "An expired client secret is invalid_client (AADSTS7000222): yours to renew.",
        "An access token is for one resource; scopes of two cannot be asked for at once.",
    ),
    verified_on=date(2026, 11, 28),
    sources=(
        "https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc",
        "https://learn.microsoft.com/entra/identity-platform/refresh-tokens",
        "https://learn.microsoft.com/entra/identity-platform/claims-validation",
        "https://learn.microsoft.com/entra/identity-platform/reference-error-codes",
    ),
)
"""For signing in."""

CONNECT = replace(LOGIN, scopes=("openid", "email", "offline_access", "User.Read"))
"""For connecting an account: with a refresh token."""
