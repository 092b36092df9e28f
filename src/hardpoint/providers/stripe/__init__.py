"""Stripe: settings and manifest; payments, webhooks and sample events beside it.

Unit cost: adapter, since money has a table of currencies, and payments a life of twelve statuses;
fake, since it lives through it, with declines, challenges and refunds; tests, since each
transition, code and request is compared with the official package and a second imitation.
"""

from dataclasses import dataclass

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import Provider
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import Authorization
from hardpoint.http.limits import checked_base_url

PROVIDER = Provider(
    name="stripe",
    title="Stripe",
    tokens=("stripe", "v2.core.event"),
    docs="https://docs.stripe.com/webhooks",
    verified="2026-12-01",
    webhooks="hardpoint.providers.stripe.webhooks:StripeWebhooks",
    retries_for=3 * 24 * 3600,  # live mode: up to three days
    samples="hardpoint.providers.stripe:samples.json",
    webhook_setup="hardpoint.providers.stripe.endpoints:StripeEndpoints",
    settings="hardpoint.providers.stripe:Stripe",
    ports={"payments": "hardpoint.providers.stripe.payments:StripePayments"},
    errors="hardpoint.providers.stripe.errors:ERRORS",
    fake="hardpoint.providers.stripe.fake:FakeStripe",
    starter="hardpoint.providers.stripe:starter",
    first_starter=True,
)

API_VERSION = "2026-10-28.endive"
"""What our requests and readings were written for; Stripe keeps answering in this version."""

HOST = "api.stripe.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stripe:
    """One Stripe account.

    Args:
        secret_key: `sk_...`, or a restricted `rk_...`; or a connection of the vault.
        live: whether real money moves; a key of the other mode is refused.
        account: a connected account to act for, `acct_...`.
        base_url: another address on loopback, for a fake.

    Raises:
        ConfigurationError: a key that is none, or is of the other mode.
    """

    secret_key: Secret | Authorization
    live: bool = False
    account: str | None = None
    base_url: str = f"https://{HOST}"

    def __post_init__(self) -> None:
        checked_base_url(self.base_url, {HOST})
        if isinstance(self.secret_key, Secret):
            self._check_key(self.secret_key.reveal())
        if self.account is not None and not self.account.startswith("acct_"):
            raise ConfigurationError("account", "is not a connected account", fix="Write acct_...")

    def _check_key(self, key: str) -> None:
        kind, _, rest = key.partition("_")
        mode = rest.partition("_")[0]
        if kind not in {"sk", "rk"} or mode not in {"live", "test"}:
            raise ConfigurationError(
                "secret_key",
                "is not a secret key of Stripe",
                fix="Copy sk_... or rk_... from the dashboard, Developers, API keys",
            )
        if (mode == "live") is not self.live:
            raise ConfigurationError(
                "secret_key",
                f"is a {mode} key, but live is {str(self.live).lower()}",
                fix="Use the key of the mode you mean, or change live",
            )
