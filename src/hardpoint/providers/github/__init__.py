"""GitHub: its webhooks and sample events, signing in, and connected accounts."""

from hardpoint.core.providers import Provider

PROVIDER = Provider(
    name="github",
    title="GitHub",
    tokens=("github",),
    docs="https://docs.github.com/webhooks",
    verified="2026-11-23",
    webhooks="hardpoint.providers.github.webhooks:GitHubWebhooks",
    retries_for=0,  # somebody has to redeliver it
    samples="hardpoint.providers.github:samples.json",
    login="hardpoint.providers.github.oauth:LOGIN",
    connect="hardpoint.providers.github.oauth:CONNECT",
    identity="hardpoint.providers.github.identity:GitHubIdentity",
)
