"""Discord's messages, held to what every driver must do, in both modes, and through every fault.

A bot's messages are told apart by a nonce for some minutes; a webhook's are not.
"""

import pytest

from hardpoint.chat import ChatNotifier, Reaction
from hardpoint.core.errors import InvalidRequestError, NotFoundError
from hardpoint.core.secrets import Secret
from hardpoint.providers.discord import Discord
from hardpoint.providers.discord.chat import DiscordChat
from hardpoint.providers.discord.fake import WEBHOOK_PATH, FakeDiscord
from hardpoint.providers.discord.fake_server import USER
from hardpoint.sync.chat import ChatNotifier as BlockingNotifier
from hardpoint.testing.conformance.chat import ChatConformance, ChatSubject
from hardpoint.testing.conformance.chat_subject import ChatSeen
from hardpoint.testing.conformance.faults import Adapter, FaultConformance
from hardpoint.testing.conformance.served import port_on

from .reading import Read

MISSING = "772908445358620703"
ODD = {"discord": {"odd": 1}}


def seen(message):
    read = Read(message.content)
    assert not read.odd, read.odd
    assert message.parse == ()
    return ChatSeen(
        text=read.text,
        notified=tuple(one for one in read.people if one in message.told),
        thread=message.reply_to,
        file=message.files[0] if message.files else None,
        reactions=frozenset(map(Reaction, message.reactions)),
        styles=read.styles,
        links=tuple(read.links),
    )


def of(mode, imitated, driver):
    return ChatSubject(
        mode,
        driver,
        requests=imitated.requests,
        missing=MISSING,
        person=USER,
        seen=lambda: [seen(one) for one in imitated.vendor.guild.messages],
    )


class TestDiscord(ChatConformance):
    @pytest.fixture
    def subject(self, mode, imitated):
        return of(mode, imitated, imitated.driver())


class TestAWebhook(ChatConformance):
    @pytest.fixture
    def subject(self, mode, imitated):
        url = Secret.value(imitated.server.url + WEBHOOK_PATH)
        return of(mode, imitated, DiscordChat(mode.transport(), Discord(webhook_url=url)))


class TestFaults(FaultConformance):
    adapter = Adapter(
        vendor=FakeDiscord,
        port=port_on(FakeDiscord, ChatNotifier),
        facade=BlockingNotifier,
        calls={"keyed": lambda port: port.post("late", idempotency_key="k")},
        effects="message",
        refused=(lambda port: port.post("late", channel=MISSING), NotFoundError),
    )


def webhook_on(transport, url, connection):
    settings = Discord(webhook_url=Secret.value(url + WEBHOOK_PATH))
    return ChatNotifier(DiscordChat(transport, settings), connection)


class TestFaultsOfAWebhook(FaultConformance):
    adapter = Adapter(
        vendor=FakeDiscord,
        port=webhook_on,
        facade=BlockingNotifier,
        calls={"unkeyed": lambda port: port.post("late")},
        effects="message",
        refused=(
            lambda port: port.post("late", extra=ODD),
            InvalidRequestError,
        ),
    )
