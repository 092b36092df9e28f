"""Acme as its pages describe it: strict, with state, and signing what it reports."""

import time
from typing import Any

import msgspec

from hardpoint.provider import (
    Emitter,
    FakeReply,
    Ledger,
    Received,
    Secret,
    Trigger,
    VendorFacts,
)
from hardpoint_acme.webhooks import AcmeWebhooks

TOKEN = "acme-token-of-the-fake"
WEBHOOK_SECRET = "acme-secret-of-the-fake"
SENDER = "orders@shop.example"
INVALID = "invalid@fake.example"
SUPPRESSED = "suppressed@fake.example"
FIELDS = {"from", "to", "reply_to", "subject", "text", "html", "key", "arguments"}


class FakeAcme:
    """One account."""

    name = "acme"

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.emitter = Emitter(AcmeWebhooks(secrets=[Secret.value(WEBHOOK_SECRET)]))
        self.facts = VendorFacts(
            settings={"token": TOKEN, "from_": SENDER},
            webhook_secret=WEBHOOK_SECRET,
            triggers=(
                Trigger(field="to", value=INVALID, answer="422 unknown_recipient"),
                Trigger(field="to", value=SUPPRESSED, answer="message.suppressed"),
            ),
        )
        self._messages: dict[str, dict[str, Any]] = {}
        self._answers: dict[str, tuple[bytes, FakeReply]] = {}
        self._told = 0

    def answer(self, request: Received) -> FakeReply:
        """Take an email, or refuse it."""
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _refusal(401, "token", "Who are you?")
        if (request.method, request.path) != ("POST", "/v1/messages"):
            return _refusal(404, "path", "There is no such thing.")
        key = request.headers.get("idempotency-key")
        if key is None:
            return _refusal(400, "key", "Idempotency-Key is missing.")
        asked, known = self._answers.get(key, (request.body, None))
        if asked != request.body:
            return _refusal(409, "key_used", "The key was used for another email.")
        if known is None:
            known = self._taken(request.json())
            self._answers[key] = request.body, known
        return known

    def carry(self, message: str, to: str, *types: str) -> None:
        """Something happens to one recipient's email."""
        for one in types:
            self._told += 1
            sent = self._messages[message]
            body = {
                "id": f"evt_{self._told}",
                "type": one,
                "message": message,
                "to": to,
                "at": time.time(),
                "key": sent["key"],
                "arguments": sent["arguments"],
            }
            self.emitter.emit(f"evt_{self._told}", one, msgspec.json.encode(body))

    def _taken(self, document: dict[str, Any]) -> FakeReply:
        unknown = document.keys() - FIELDS
        if unknown:
            return _refusal(422, "field", f"There is no {', '.join(unknown)}.")
        if INVALID in document["to"]:
            place = document["to"].index(INVALID)
            return _refusal(422, "unknown_recipient", "Nobody lives there.", f"to[{place}]")
        message = f"msg_{len(self._messages) + 1}"
        self._messages[message] = document
        self.ledger.record("email", id=message, to=document["to"], subject=document["subject"])
        if SUPPRESSED in document["to"]:
            self.carry(message, SUPPRESSED, "message.suppressed")
        return FakeReply.json({"id": message}, 201)


def _refusal(status: int, code: str, message: str, field: str | None = None) -> FakeReply:
    return FakeReply.json({"code": code, "message": message, "field": field}, status)
