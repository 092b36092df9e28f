"""PayPal: orders, captures and refunds; webhooks by certificate and sample events beside them.

Unit cost: adapter, since four kinds of objects, their own token, a scheme by certificate and eighty
codes are read; fake, since orders, authorizations, captures and refunds live through their states;
tests, since each step has ids, keys and states of its own, and certificates can be forged.
"""

import re
from dataclasses import dataclass

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import Provider
from hardpoint.core.secrets import Secret
from hardpoint.http.limits import checked_base_url

PROVIDER = Provider(
    name="paypal",
    title="PayPal",
    tokens=("paypal",),
    docs="https://developer.paypal.com/api/rest/",
    verified="2026-12-01",
    webhooks="hardpoint.providers.paypal.webhooks:PayPalWebhooks",
    samples="hardpoint.providers.paypal:samples.json",
    webhook_setup="hardpoint.providers.paypal.endpoints:PayPalEndpoints",
    settings="hardpoint.providers.paypal:PayPal",
    ports={"payments": "hardpoint.providers.paypal.payments:PayPalPayments"},
    errors="hardpoint.providers.paypal.errors:ERRORS",
    fake="hardpoint.providers.paypal.fake:FakePayPal",
    starter="hardpoint.providers.paypal:starter",
)

HOST = "api-m.paypal.com"
SANDBOX = "api-m.sandbox.paypal.com"
HOSTS = frozenset({HOST, SANDBOX, "api.paypal.com", "api.sandbox.paypal.com"})

SHIPPING = frozenset({"NO_SHIPPING", "GET_FROM_FILE", "SET_PROVIDED_ADDRESS"})
_CREDENTIAL = re.compile(r"[A-Za-z0-9_-]{16,255}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayPal:
    """One REST app of a PayPal business account.

    Args:
        client_id: of the app, live or sandbox.
        client_secret: beside it.
        shipping_preference: what the approval page does about an address: `NO_SHIPPING`,
            `GET_FROM_FILE` or `SET_PROVIDED_ADDRESS`.
        base_url: the sandbox's, `https://api-m.sandbox.paypal.com`, which has apps of its own; or
            another address on loopback, for a fake.

    Raises:
        ConfigurationError: a credential that is none, or a preference that PayPal does not know.
    """

    client_id: str
    client_secret: Secret
    shipping_preference: str = "NO_SHIPPING"
    base_url: str = f"https://{HOST}"

    def __post_init__(self) -> None:
        checked_base_url(self.base_url, HOSTS)
        for name, text in (
            ("client_id", self.client_id),
            ("client_secret", self.client_secret.reveal()),
        ):
            if not _CREDENTIAL.fullmatch(text):
                raise ConfigurationError(
                    name, "is cut off or holds blanks", fix="Copy it from the dashboard, Apps"
                )
        if self.client_id == self.client_secret.reveal():
            raise ConfigurationError(
                "client_secret", "is the client's ID", fix="Copy the secret below it"
            )
        if self.shipping_preference not in SHIPPING:
            raise ConfigurationError(
                "shipping_preference",
                "is none that PayPal knows",
                fix=f"Write one of {', '.join(sorted(SHIPPING))}",
            )
