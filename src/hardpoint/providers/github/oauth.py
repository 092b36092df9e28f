"""GitHub's authorization server, for OAuth apps and GitHub Apps alike. It is no OpenID provider."""

from datetime import date

from hardpoint.oauth.catalogue import ClientAuth, ProviderEntry, RefreshRotation, Revocation

LOGIN = ProviderEntry(
    name="github",
    authorize_url="https://github.com/login/oauth/authorize",
    token_url="https://github.com/login/oauth/access_token",
    revocation_url="https://api.github.com/applications/CLIENT_ID/grant",
    userinfo_url="https://api.github.com/user",
    device_url="https://github.com/login/device/code",
    # Its callbacks have carried this since 2026; there are no ID tokens, and so no keys.
    issuer="https://github.com/login/oauth",
    api_hosts=frozenset({"api.github.com"}),
    scopes=("read:user", "user:email"),
    granted_separator=",",
    client_auth=ClientAuth.POST,
    revocation=Revocation.DELETE,
    rotation=RefreshRotation.STRICT,
    refresh_seconds=15_897_600,
    errors={
        "bad_verification_code": "grant",
        "bad_refresh_token": "grant",
        "incorrect_client_credentials": "client",
        "redirect_uri_mismatch": "client",
        "application_suspended": "client",
        "unverified_user_email": "interaction",
    },
    quirks=(
        "Errors come with status 200.",
        "Scopes are asked for with blanks between, and told with commas.",
        (
            "An OAuth app's tokens have no end unless the app says so; a GitHub App's last 8 hours,"
            " with a refresh token that works once, for six months."
        ),
        "A GitHub App is granted permissions, not scopes: what it answers is empty.",
        "A person has ten tokens for each app and set of scopes; the oldest goes without a word.",
        "Giving a grant back ends every token that the person has of this app.",
        "Whoever is signed in at GitHub is taken, so it may be another account than last time.",
    ),
    verified_on=date(2026, 11, 28),
    sources=(
        "https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps",
        (
            "https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/"
            "refreshing-user-access-tokens"
        ),
        "https://docs.github.com/rest/apps/oauth-applications",
        (
            "https://github.blog/changelog/"
            "2025-07-14-pkce-support-for-oauth-and-github-app-authentication"
        ),
        "https://github.com/openiddict/openiddict-core/pull/2529",
    ),
)
"""For signing in and for connecting an account: it makes no difference."""

CONNECT = LOGIN
