"""Stripe: its webhooks and sample events."""

from hardpoint.core.providers import Provider

PROVIDER = Provider(
    name="stripe",
    title="Stripe",
    tokens=("stripe", "v2.core.event"),
    docs="https://docs.stripe.com/webhooks",
    webhooks="hardpoint.providers.stripe.webhooks:StripeWebhooks",
    samples="hardpoint.providers.stripe.samples:SAMPLES",
    starter="hardpoint.providers.stripe:starter",
)
