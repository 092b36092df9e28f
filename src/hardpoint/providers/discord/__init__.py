"""Discord: messages by a bot or a webhook, interactions and webhook events.

Unit cost: adapter, since a bot and a webhook can do different things, and interactions are
answered by replies.
"""

import re
from dataclasses import dataclass

from hardpoint.chat.credentials import chat_credential
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
    verified="2026-12-01",
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
        given = self.bot_token, self.webhook_url, self.channel
        return chat_credential(*given, hosts=HOSTS, form=_WEBHOOK)
