"""The two ways into a chat: a bot's token, or the address of an incoming webhook."""

import re
from collections.abc import Collection
from typing import TypeVar

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import SecretAddress

_Bot = TypeVar("_Bot")


def chat_credential(
    bot_token: _Bot | None,
    webhook_url: Secret | None,
    channel: str | None,
    *,
    hosts: Collection[str],
    form: re.Pattern[str],
) -> _Bot | SecretAddress:
    """The one of the two that is given.

    Args:
        bot_token: as configured.
        webhook_url: as configured.
        channel: as configured; a webhook has its own.
        hosts: the vendor's, of webhooks.
        form: of a webhook's path.

    Raises:
        ConfigurationError: neither or both, an address that is none, or a channel beside it.
    """
    if bot_token is not None and webhook_url is None:
        return bot_token
    if webhook_url is None or bot_token is not None:
        raise ConfigurationError(
            "bot_token", "or webhook_url is needed, and only one of them", fix="Give one"
        )
    address = SecretAddress(webhook_url, hosts=hosts, form=form, key="webhook_url")
    if channel is not None:
        raise ConfigurationError(
            "channel", "is the webhook's own", fix="Remove it, or use bot_token"
        )
    return address
