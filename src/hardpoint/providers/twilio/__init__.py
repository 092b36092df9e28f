"""Twilio: settings and manifest; messages, calls, webhooks and sample events beside it.

Unit cost: adapter, since it signs addresses with whatever proxies make of them, and forms without
saying where names end; tests, since that can be cut in many ways, and texts that it stored in other
words are looked for without a key; fake, since it keeps templates, services, consent, what is
for later, and calls.
"""

import re
from dataclasses import dataclass

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import Provider
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import Authorization
from hardpoint.http.limits import checked_base_url, checked_url

PROVIDER = Provider(
    name="twilio",
    title="Twilio",
    tokens=("twilio",),
    docs="https://www.twilio.com/docs/usage/webhooks/webhooks-security",
    verified="2026-11-23",
    webhooks="hardpoint.providers.twilio.webhooks:TwilioWebhooks",
    samples="hardpoint.providers.twilio:samples.json",
    settings="hardpoint.providers.twilio:Twilio",
    ports={
        "sms": "hardpoint.providers.twilio.sms:TwilioSms",
        "voice": "hardpoint.providers.twilio.voice:TwilioVoice",
    },
    errors="hardpoint.providers.twilio.errors:ERRORS",
    fake="hardpoint.providers.twilio.fake:FakeTwilio",
)

HOST = "api.twilio.com"
HOSTS = frozenset({HOST, "api.dublin.ie1.twilio.com", "api.sydney.au1.twilio.com"})
"""With those of the regions Ireland and Australia."""

_ACCOUNT = re.compile(r"AC[0-9a-f]{32}", re.ASCII)
_KEY = re.compile(r"SK[0-9a-f]{32}", re.ASCII)
_SERVICE = re.compile(r"MG[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Twilio:
    """One Twilio account, or subaccount.

    Args:
        account_sid: `AC...`, whose messages they are.
        api_key_sid: `SK...`; None to use the account's auth token, which can do everything.
        secret: of the API key, else the auth token; or a connection of the vault, which holds the
            name of the user too.
        from_: the number messages come from, E.164, or a short code.
        messaging_service_sid: `MG...`; chooses a sender in place of `from_`.
        status_url: where Twilio reports each status, the public https address of the webhook source
            that takes them.
        base_url: a region's, or another address on loopback, for a fake.

    Raises:
        ConfigurationError: a SID that is none, both senders, or an address Twilio cannot call.
    """

    account_sid: str
    secret: Secret | Authorization
    api_key_sid: str | None = None
    from_: str | None = None
    messaging_service_sid: str | None = None
    status_url: str | None = None
    base_url: str = f"https://{HOST}"

    def __post_init__(self) -> None:
        checked_base_url(self.base_url, HOSTS)
        if not _ACCOUNT.fullmatch(self.account_sid):
            raise ConfigurationError(
                "account_sid",
                "is not the SID of an account",
                fix="Copy AC and 32 hex digits from the console; keys go to api_key_sid",
            )
        if self.api_key_sid is not None and not _KEY.fullmatch(self.api_key_sid):
            raise ConfigurationError(
                "api_key_sid", "is not the SID of an API key", fix="Write SK and 32 hex digits"
            )
        if isinstance(self.secret, Secret) and self.secret.reveal().startswith(("AC", "SK")):
            raise ConfigurationError(
                "secret", "is a SID", fix="Write the API key's secret, or the auth token"
            )
        if self.from_ is not None and not re.fullmatch(r"\+?[0-9]{3,15}", self.from_, re.ASCII):
            raise ConfigurationError("from_", "is no number", fix="Write +14155550100")
        service = self.messaging_service_sid
        if service is not None and not _SERVICE.fullmatch(service):
            raise ConfigurationError(
                "messaging_service_sid", "is not the SID of one", fix="Write MG and 32 hex digits"
            )
        if service is not None and self.from_ is not None:
            raise ConfigurationError(
                "from_", "and messaging_service_sid are both set", fix="Keep one"
            )
        if self.status_url is not None:
            checked_url(self.status_url, key="status_url")
