"""Discord: messages by a bot or a webhook, interactions and webhook events.

Unit cost: adapter, since it posts with two kinds of credentials, in a markup that is escaped.
"""

import re
from dataclasses import dataclass

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.providers import Provider
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import SecretAddress
from hardpoint.http.limits import checked_base_url

PROVIDER = Provider(
    name="discord",
    title="Discord",
    tokens=("discord", "x-signature-ed25519"),
    docs="https://docs.discord.com/developers/resources/message",
    webhooks="hardpoint.providers.discord.webhooks:DiscordWebhooks",
    samples="hardpoint.providers.discord:samples.json",
    settings="hardpoint.providers.discord:Discord",
    ports={"chat": "hardpoint.providers.discord.chat:DiscordChat"},
    errors="hardpoint.providers.discord.errors:ERRORS",
    fake="hardpoint.providers.discord.fake:FakeDiscord",
)

HOST = "discord.com"
HOSTS = frozenset({HOST, "discordapp.com", "canary.discord.com", "ptb.discord.com"})
SNOWFLAKE = re.compile(r"[0-9]{1,20}", re.ASCII)
_WEBHOOK = re.compile(r"/api(?:/v[0-9]{1,2})?/webhooks/[0-9]{1,20}/[\w-]{1,200}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discord:
    """One bot, or one webhook of a channel: give one of the two credentials.

    Args:
        bot_token: the bot's, without `Bot` before it.
        webhook_url: `https://discord.com/api/webhooks/...`. It is a secret: whoever has it can
            post, and change what it has posted.
        channel: where a call posts that names none: the channel's id, a number.
        base_url: another address on loopback, for a fake.

    Raises:
        ConfigurationError: neither or both, or one that is none.
    """

    bot_token: Secret | None = None
    webhook_url: Secret | None = None
    channel: str | None = None
    base_url: str = f"https://{HOST}"

    def __post_init__(self) -> None:
        checked_base_url(self.base_url, HOSTS)
        credential = self.credential()
        if isinstance(credential, SecretAddress) and self.channel is not None:
            raise ConfigurationError(
                "channel", "is the webhook's own", fix="Remove it, or use bot_token"
            )
        if self.channel is not None and not SNOWFLAKE.fullmatch(self.channel):
            raise ConfigurationError(
                "channel", "is not the id of a channel", fix="Copy the channel's id, a number"
            )
        if isinstance(credential, Secret) and credential.reveal().startswith(("Bot ", "http")):
            raise ConfigurationError(
                "bot_token", "is not a bot's token", fix="Copy the token alone, without Bot"
            )

    def credential(self) -> Secret | SecretAddress:
        """The one of the two that is given."""
        if self.bot_token is not None and self.webhook_url is None:
            return self.bot_token
        if self.webhook_url is not None and self.bot_token is None:
            return incoming(self.webhook_url)
        raise ConfigurationError(
            "bot_token", "or webhook_url is needed, and only one of them", fix="Give one"
        )


def incoming(address: Secret) -> SecretAddress:
    """The address of a channel's webhook.

    Raises:
        ConfigurationError: it is none.
    """
    return SecretAddress(address, hosts=HOSTS, form=_WEBHOOK, key="webhook_url")
