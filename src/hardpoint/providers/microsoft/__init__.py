"""Microsoft Entra: signing in with work, school and personal accounts, and connected accounts."""

from hardpoint.core.providers import Provider

PROVIDER = Provider(
    name="microsoft",
    title="Microsoft Entra",
    verified="2026-11-28",
    tokens=("microsoft", "onmicrosoft"),
    docs="https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow",
    login="hardpoint.providers.microsoft.oauth:LOGIN",
    connect="hardpoint.providers.microsoft.oauth:CONNECT",
)
