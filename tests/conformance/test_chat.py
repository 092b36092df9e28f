"""The driver in memory, held to what every driver must do; those of providers in their folders."""

import pytest

from hardpoint.chat.driver import ChatCapability
from hardpoint.chat.markup import Bullets, Hyperlink, Mention, Quote, inner, plain
from hardpoint.chat.memory import MISSING, MemoryChat
from hardpoint.core.capabilities import Idempotency
from hardpoint.testing.conformance.chat import ChatConformance, ChatSubject
from hardpoint.testing.conformance.chat_subject import ChatSeen
from hardpoint.testing.conformance.modes import MODES


def styles(text):
    """What is bold, and so on: the values say it themselves."""
    found = {}
    for one in text:
        if isinstance(one, Quote):
            found.setdefault("quote", []).append(plain(one.parts))
        if isinstance(one, Bullets):
            found.setdefault("bullets", []).extend(plain(item) for item in one.items)
    for one in inner(text):
        for name in ("bold", "italic", "code"):
            if getattr(one, name, False):
                found.setdefault(name, []).append(one.text)
        if isinstance(one, Hyperlink):
            found.setdefault("link", []).append(one.text)
    return found


def seen(message):
    parts = list(inner(message.text))
    return ChatSeen(
        text=plain(message.text),
        notified=tuple(one.user for one in parts if isinstance(one, Mention) and message.notify),
        thread=message.thread,
        file=message.file,
        reactions=frozenset(message.reactions),
        styles=styles(message.text),
        links=tuple(one.url for one in parts if isinstance(one, Hyperlink)),
    )


def memory(mode, driver):
    return ChatSubject(
        mode,
        driver,
        requests=lambda: driver.requests,
        missing=MISSING,
        person="ann",
        seen=lambda: [seen(one) for one in driver.messages.values()],
    )


class TestMemory(ChatConformance):
    @pytest.fixture
    def subject(self, mode):
        return memory(mode, MemoryChat())


class TestMemoryThatCanDoLittle(ChatConformance):
    @pytest.fixture
    def subject(self, mode):
        return memory(mode, MemoryChat(capabilities=frozenset(), idempotency=Idempotency.NONE))


def test_a_capability_that_no_test_exercises_is_reported():
    class Hollow(ChatConformance):
        test_a_sign_stands_below_a_post_once = None

    subject = memory(MODES["blocking"](), MemoryChat())
    with pytest.raises(AssertionError, match=ChatCapability.REACTIONS):
        Hollow().test_every_declared_capability_is_exercised(subject)
