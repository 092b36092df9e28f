"""Slack: messages, events, signing in, and apps installed in workspaces.

Unit cost: adapter, since it signs people in at two authorization servers, and posts with two kinds
of credentials; fake, since a message is a structure, of which it checks every part.
"""

import re
from dataclasses import dataclass

from hardpoint.chat.credentials import chat_credential
from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import Provider
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import Authorization, SecretAddress
from hardpoint.http.limits import checked_base_url

PROVIDER = Provider(
    name="slack",
    title="Slack",
    tokens=("slack", "xoxb-", "xoxp-"),
    docs="https://docs.slack.dev/authentication/installing-with-oauth",
    verified="2026-12-01",
    webhooks="hardpoint.providers.slack.webhooks:SlackWebhooks",
    retries_for=6 * 60,  # at once, after one and after five minutes
    samples="hardpoint.providers.slack:samples.json",
    settings="hardpoint.providers.slack:Slack",
    ports={"chat": "hardpoint.providers.slack.chat:SlackChat"},
    errors="hardpoint.providers.slack.errors:ERRORS",
    fake="hardpoint.providers.slack.fake:FakeSlack",
    login="hardpoint.providers.slack.oauth:LOGIN",
    connect="hardpoint.providers.slack.oauth:CONNECT",
    starter="hardpoint.providers.slack:starter",
)

HOST = "slack.com"
HOSTS = frozenset({HOST, "www.slack.com"})
UPLOAD_HOST = "files.slack.com"
_WEBHOOK_HOSTS = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})
_WEBHOOK = re.compile(r"/services/[A-Za-z0-9]+/[A-Za-z0-9]+/[A-Za-z0-9]+", re.ASCII)
_TOKENS = ("xoxb-", "xoxe.xoxb-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slack:
    """One app in one workspace, or one incoming webhook: give one of the two credentials.

    Args:
        bot_token: `xoxb-...`; or a connection of the vault, where the app was installed.
        webhook_url: `https://hooks.slack.com/services/...`, which posts to one channel. It is a
            secret: whoever has it can post.
        channel: where a call posts that names none: the channel's id, `C...`.
        base_url: another address on loopback, for a fake.

    Raises:
        ConfigurationError: neither or both, or one that is none.
    """

    bot_token: Secret | Authorization | None = None
    webhook_url: Secret | None = None
    channel: str | None = None
    base_url: str = f"https://{HOST}"

    def __post_init__(self) -> None:
        checked_base_url(self.base_url, HOSTS)
        credential = self.credential()
        if isinstance(credential, Secret) and not credential.reveal().startswith(_TOKENS):
            raise ConfigurationError(
                "bot_token",
                "is not a bot's token",
                fix="Copy the Bot User OAuth Token, which starts with xoxb-",
            )

    def credential(self) -> Secret | Authorization | SecretAddress:
        """The one of the two that is given."""
        given = self.bot_token, self.webhook_url, self.channel
        return chat_credential(*given, hosts=_WEBHOOK_HOSTS, form=_WEBHOOK)
