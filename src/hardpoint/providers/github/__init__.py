"""GitHub: its webhooks and sample events."""

from hardpoint.core.providers import Provider

PROVIDER = Provider(
    name="github",
    title="GitHub",
    tokens=("github",),
    docs="https://docs.github.com/webhooks",
    webhooks="hardpoint.providers.github.webhooks:GitHubWebhooks",
    samples="hardpoint.providers.github.samples:SAMPLES",
)
