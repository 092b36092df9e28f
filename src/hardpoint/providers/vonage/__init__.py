"""Vonage: messages by its Messages API, webhooks and sample events beside them.

Unit cost: adapter, since an application signs the tokens of its calls itself, and webhooks have
tokens of another kind.
"""

import re
from dataclasses import dataclass

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import Provider
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import Authorization
from hardpoint.http.limits import checked_base_url, checked_url

PROVIDER = Provider(
    name="vonage",
    title="Vonage",
    tokens=("vonage", "nexmo"),
    docs="https://developer.vonage.com/en/messages/overview",
    verified="2026-12-01",
    verified_by="its official Python package and published excerpts of its pages",
    webhooks="hardpoint.providers.vonage.webhooks:VonageWebhooks",
    retries_for=24 * 3600,
    samples="hardpoint.providers.vonage:samples.json",
    settings="hardpoint.providers.vonage:Vonage",
    ports={"sms": "hardpoint.providers.vonage.sms:VonageSms"},
    errors="hardpoint.providers.vonage.errors:ERRORS",
    fake="hardpoint.providers.vonage.fake:FakeVonage",
    starter="hardpoint.providers.vonage:starter",
)

HOST = "api.nexmo.com"
HOSTS = frozenset(
    {
        HOST,
        "api-us.vonage.com",
        "api-eu.vonage.com",
        "api-ap.vonage.com",
        "messages-sandbox.nexmo.com",
    }
)
"""With those of the regions, and the sandbox."""

_APPLICATION = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_SENDER = re.compile(r"\+?[0-9]{3,15}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vonage:
    """One application of a Vonage account, or the account itself: give one of the two pairs.

    Args:
        application_id: a UUID; its webhooks go where the application says.
        private_key: of the application, in PEM; it signs a token for the calls.
        api_key: of the account, whose webhooks go where the account says.
        api_secret: beside it; or a connection of the vault, which holds the key too.
        from_: the number or name that messages come from.
        status_url: where Vonage reports each status, in place of the application's address: the
            public https address of the webhook source that takes them.
        base_url: a region's, the sandbox, or another address on loopback, for a fake.

    Raises:
        ConfigurationError: neither pair or both, or a value that is none.
    """

    application_id: str | None = None
    private_key: Secret | None = None
    api_key: str | None = None
    api_secret: Secret | Authorization | None = None
    from_: str | None = None
    status_url: str | None = None
    base_url: str = f"https://{HOST}"

    def __post_init__(self) -> None:
        checked_base_url(self.base_url, HOSTS)
        application = (self.application_id, self.private_key)
        account = (self.api_key, self.api_secret)
        for given, other, names in (
            (application, account, "application_id and private_key"),
            (account, application, "api_key and api_secret"),
        ):
            if None in given and given != (None, None):
                raise ConfigurationError(names, "go together", fix=f"Give {names}")
            if given == other:
                raise ConfigurationError(names, "are missing", fix="Give this pair, or the other")
        if None not in application and None not in account:
            raise ConfigurationError(
                "api_key and api_secret",
                "stand beside application_id and private_key",
                fix="Keep the application's",
            )
        if self.application_id is not None and not _APPLICATION.fullmatch(self.application_id):
            raise ConfigurationError(
                "application_id", "is not the id of an application", fix="Copy the UUID"
            )
        if self.api_key is not None and not re.fullmatch(r"[0-9a-f]{8}", self.api_key, re.ASCII):
            raise ConfigurationError(
                "api_key",
                "is not the key of an account",
                fix="Copy the 8 digits from the dashboard",
            )
        if self.from_ is not None and not _SENDER.fullmatch(self.from_):
            raise ConfigurationError(
                "from_", "is no number and no name", fix="Write +14155550100, or up to 11 letters"
            )
        if self.status_url is not None:
            checked_url(self.status_url, key="status_url")
