"""Google: signing in, and connected accounts."""

from hardpoint.core.providers import Provider

PROVIDER = Provider(
    name="google",
    title="Google",
    verified="2026-11-28",
    tokens=("google",),
    docs="https://developers.google.com/identity/protocols/oauth2/web-server",
    login="hardpoint.providers.google.oauth:LOGIN",
    connect="hardpoint.providers.google.oauth:CONNECT",
)
