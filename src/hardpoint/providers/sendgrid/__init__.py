"""SendGrid: settings and manifest; email, webhooks and sample events beside it.

Unit cost: adapter, since it has no codes: each field that a refusal names has a row of its own;
fake, since it delivers, drops, tells by lists, and registers webhooks.
"""

from dataclasses import dataclass

from hardpoint.core.errors import ConfigurationError, InvalidRequestError
from hardpoint.core.providers import Provider
from hardpoint.core.secrets import Secret
from hardpoint.email.addresses import checked_address
from hardpoint.http.auth import Authorization
from hardpoint.http.limits import checked_base_url

PROVIDER = Provider(
    name="sendgrid",
    title="SendGrid",
    tokens=("sendgrid", "x-twilio-email-event-webhook", "x-sg-", "smtp-id", "geopod-ismtpd"),
    docs="https://docs.sendgrid.com/for-developers/tracking-events/event",
    verified="2026-11-28",
    webhooks="hardpoint.providers.sendgrid.webhooks:SendGridWebhooks",
    retries_for=24 * 3600,
    samples="hardpoint.providers.sendgrid:samples.json",
    webhook_setup="hardpoint.providers.sendgrid.endpoints:SendGridEndpoints",
    settings="hardpoint.providers.sendgrid:SendGrid",
    ports={"email": "hardpoint.providers.sendgrid.email:SendGridEmail"},
    errors="hardpoint.providers.sendgrid.errors:ERRORS",
    fake="hardpoint.providers.sendgrid.fake:FakeSendGrid",
)

HOST = "api.sendgrid.com"
HOSTS = frozenset({HOST, "api.eu.sendgrid.com"})
"""With that of regional subusers in the EU; a key is of one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendGrid:
    """One SendGrid account, or subuser.

    Args:
        api_key: `SG...`, with the scope `mail.send` and no other; or a connection of the vault.
        from_: who emails are from, `orders@shop.example` or `Shop <orders@shop.example>`; a sender
            that is verified, or of a domain that is authenticated.
        sandbox: have emails checked and not sent.
        base_url: the EU's, or another address on loopback, for a fake.

    Raises:
        ConfigurationError: a key that is none, or a sender that is no address.
    """

    api_key: Secret | Authorization
    from_: str | None = None
    sandbox: bool = False
    base_url: str = f"https://{HOST}"

    def __post_init__(self) -> None:
        checked_base_url(self.base_url, HOSTS)
        if isinstance(self.api_key, Secret) and not self.api_key.reveal().startswith("SG."):
            raise ConfigurationError(
                "api_key", "is not an API key", fix="Copy the whole key, which starts with SG."
            )
        if self.from_ is not None:
            try:
                checked_address(self.from_, field="from_")
            except InvalidRequestError:
                raise ConfigurationError(
                    "from_", "is not an email address", fix="Write Shop <orders@shop.example>"
                ) from None
