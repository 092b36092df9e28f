"""Slack's messages, held to what every driver must do, in both modes, and through every fault.

It has no keys: what may have been posted is looked for by its metadata, and never posted again.
"""

import re

import pytest

from hardpoint.chat import ChatNotifier
from hardpoint.core.errors import InvalidRequestError, NotFoundError
from hardpoint.core.secrets import Secret
from hardpoint.providers.slack import Slack
from hardpoint.providers.slack.chat import _NAMES, SlackChat
from hardpoint.providers.slack.fake import WEBHOOK_PATH, FakeSlack
from hardpoint.providers.slack.fake_workspace import USER
from hardpoint.sync.chat import ChatNotifier as BlockingNotifier
from hardpoint.testing.conformance.chat import ChatConformance, ChatSubject
from hardpoint.testing.conformance.chat_subject import ChatSeen
from hardpoint.testing.conformance.faults import Adapter, FaultConformance
from hardpoint.testing.conformance.served import port_on

SIGNS = {name: reaction for reaction, name in _NAMES.items()}
MARKS = {"rich_text_quote": "quote", "rich_text_preformatted": "code", "rich_text_list": "bullets"}


class Reader:
    """What Slack makes of blocks."""

    def __init__(self, blocks):
        self.text, self.styles, self.links, self.people = "", {}, [], []
        groups = [group for block in blocks for group in block["elements"]]
        for group in groups:
            self.group(group)
        if groups and groups[-1]["type"] in MARKS:
            self.text = self.text.removesuffix("\n")

    def group(self, group):
        mark = MARKS.get(group["type"])
        if mark and self.text and not self.text.endswith("\n"):
            self.text += "\n"
        items = group["elements"] if mark == "bullets" else [group]
        for item in items:
            said = "".join(map(self.element, item["elements"]))
            if mark:
                self.styles.setdefault(mark, []).append(said)
            self.text += {None: said, "bullets": f"- {said}\n"}.get(mark, f"{said}\n")

    def element(self, one):
        if one["type"] == "user":
            self.people.append(one["user_id"])
            return "@someone"
        for style in one.get("style", {}):
            self.styles.setdefault(style, []).append(one["text"])
        if one["type"] == "link":
            self.styles.setdefault("link", []).append(one["text"])
            self.links.append(one["url"])
        return one["text"]


def seen(message):
    read = Reader(message.blocks)
    told = re.findall(r"<([^>]*)>", message.text)
    return ChatSeen(
        text=read.text,
        notified=(*read.people, *told),
        thread=message.thread_ts,
        file=message.files[0] if message.files else None,
        reactions=frozenset(SIGNS[name] for name in message.reactions),
        styles=read.styles,
        links=tuple(read.links),
    )


def of(mode, imitated, driver):
    return ChatSubject(
        mode,
        driver,
        requests=imitated.requests,
        missing="C0MISSING1",
        person=USER,
        seen=lambda: [seen(one) for one in imitated.vendor.workspace.messages],
    )


class TestSlack(ChatConformance):
    @pytest.fixture
    def subject(self, mode, imitated):
        return of(mode, imitated, imitated.driver())


class TestAnIncomingWebhook(ChatConformance):
    @pytest.fixture
    def subject(self, mode, imitated):
        url = Secret.value(imitated.server.url + WEBHOOK_PATH)
        return of(mode, imitated, SlackChat(mode.transport(), Slack(webhook_url=url)))


class TestFaults(FaultConformance):
    adapter = Adapter(
        vendor=FakeSlack,
        port=port_on(FakeSlack, ChatNotifier),
        facade=BlockingNotifier,
        calls={
            "read": lambda port: port.find(idempotency_key="k", since=0),
            "unkeyed": lambda port: port.post("late", idempotency_key="k"),
        },
        effects="message",
        refused=(lambda port: port.post("late", channel="C0MISSING1"), NotFoundError),
        found=lambda port: port.find(idempotency_key="k", since=0),
    )


def webhook_on(transport, url, connection):
    settings = Slack(webhook_url=Secret.value(url + WEBHOOK_PATH))
    return ChatNotifier(SlackChat(transport, settings), connection)


class TestFaultsOfAWebhook(FaultConformance):
    adapter = Adapter(
        vendor=FakeSlack,
        port=webhook_on,
        facade=BlockingNotifier,
        calls={"unkeyed": lambda port: port.post("late")},
        effects="message",
        refused=(lambda port: port.post("late", extra={"slack": {"odd": 1}}), InvalidRequestError),
    )
