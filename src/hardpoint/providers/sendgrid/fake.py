"""SendGrid as a fake: strict about fields, stateful, telling by signed lists of events.

SendGrid itself has no addresses for tests. Here the recipient says what becomes of an email:

    invalid@fake.example      the whole request is refused
    suppressed@fake.example   dropped, for having unsubscribed
    bounced@fake.example      the recipient's server refuses it
    blocked@fake.example      the same, for now
    deferred@fake.example     put off, then delivered
    complained@fake.example   delivered, and called spam

Everyone else gets it. Who unsubscribes or complains is dropped from then on.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, final

import msgspec

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.secrets import Secret
from hardpoint.fakes.emitter import Emitter
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply, Received
from hardpoint.fakes.vendors import Trigger, VendorFacts
from hardpoint.providers.sendgrid.fake_endpoints import PATH, EventWebhooks
from hardpoint.providers.sendgrid.fake_mail import INVALID, Mail, MailRefusedError, mail
from hardpoint.providers.sendgrid.webhooks import SendGridWebhooks

API_KEY = "SG.fake"
SENDER = "Shop <orders@shop.example>"
"""Any address of `shop.example` may send."""
SUPPRESSED = "suppressed@fake.example"
PRIVATE_KEY = (  # `VERIFICATION_KEY` is its public half; it signs for nothing but this fake
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgdaTr3eQTew0yerLfUWrtR45TsKoDKt/bXFE4ZFWkgXmh"
    "RANCAAQaaXf/u2ULOY23kZqiXdvz4uYItT/wkZOU2oeOd6TmuqQ767bsqYq77/BQ5P3UYkmiCFuK3Vxm7R/QyTxoggMt"
)
VERIFICATION_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGml3/7tlCzmNt5Gaol3b8+LmCLU/8JGTlNqHjnek5rqkO+u27KmKu+/w"
    "UOT91GJJoghbit1cZu0f0Mk8aIIDLQ=="
)

_BYTES_MAX = 30_000_000
_FACTS: Mapping[str, Mapping[str, Any]] = {
    "deferred": {"response": "421 4.7.0 try again later", "attempt": "1", "tls": 1},
    "delivered": {"response": "250 2.0.0 OK", "tls": 1},
    "bounce": {
        "reason": "550 5.1.1 no such user",
        "status": "5.1.1",
        "type": "bounce",
        "bounce_classification": "Invalid Address",
    },
    "blocked": {
        "event": "bounce",
        "reason": "552 5.2.2 mailbox full",
        "status": "5.2.2",
        "type": "blocked",
        "bounce_classification": "Mailbox Unavailable",
    },
    "dropped": {"reason": "Unsubscribed Address"},
}
"""What an event of a name says beside; `blocked` is a bounce too."""
_OPTIONAL = frozenset(
    {"attempt", "bounce_classification", "category", "sg_event_id", "smtp-id", "status", "tls"}
)
_COURSES = {
    "bounced@fake.example": ("bounce",),
    "blocked@fake.example": ("blocked",),
    "deferred@fake.example": ("deferred", "delivered"),
    "complained@fake.example": ("delivered", "spamreport"),
}
TRIGGERS = (
    Trigger(field="to", value=INVALID, answer="400"),
    Trigger(field="to", value=SUPPRESSED, answer="dropped"),
    *(Trigger(field="to", value=to, answer=", ".join(course)) for to, course in _COURSES.items()),
)


@final
class FakeSendGrid:
    """One account.

    Args:
        api_key: opens it.
        delivers: bring each email to its recipients at once; else see `carry`.
        optional_fields: also say what SendGrid may leave out of an event, its id among it.
        now: Unix seconds.
    """

    name = "sendgrid"

    def __init__(
        self,
        api_key: str = API_KEY,
        *,
        delivers: bool = True,
        optional_fields: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.ledger = Ledger()
        """`email` for each that was taken, `refusal` for each that was not."""
        self.delivers = delivers
        self._optional_fields = optional_fields
        self.emitter = Emitter(SendGridWebhooks(secrets=[Secret.value(PRIVATE_KEY)]), now=now)
        self.facts = VendorFacts(
            settings={"api_key": api_key, "from_": SENDER},
            webhook_secret=VERIFICATION_KEY,
            triggers=TRIGGERS,
        )
        self.webhooks = EventWebhooks(api_key, VERIFICATION_KEY)
        self._api_key = api_key
        self._now = now
        self._mails: dict[str, Mail] = {}
        self._suppressed = {SUPPRESSED}
        self._told = 0

    @property
    def mails(self) -> Mapping[str, Mail]:
        """What was taken, by its id, oldest first."""
        return self._mails

    def answer(self, request: Received) -> FakeReply:
        """Take an email, or refuse it as SendGrid does."""
        if request.path.startswith(PATH):
            return self.webhooks.answer(request)
        try:
            taken = self._taken(request)
        except MailRefusedError as refused:
            self.ledger.record("refusal", status=refused.status, field=refused.field)
            return FakeReply.json(refused.body, refused.status)
        if taken.sandbox:
            return FakeReply(status=200)
        identifier = f"fake-{len(self._mails) + 1:06d}"
        self._mails[identifier] = taken
        self.ledger.record(
            "email", id=identifier, recipients=list(taken.recipients), subject=taken.subject
        )
        self._process(identifier, taken)
        return FakeReply(status=202, headers=(("x-message-id", identifier),))

    def carry(self, identifier: str, to: str, *events: str, **facts: Any) -> None:
        """Something happens to one recipient's email; `facts` stand in each event.

        Args:
            identifier: of the email, by its `X-Message-Id`.
            to: which recipient.
            events: `delivered`, `bounce`, `blocked`, `deferred`, `open`, `click`, `spamreport`,
                `unsubscribe` or any other of SendGrid's.
            facts: more of what they say.
        """
        self._emit([self._event(identifier, to, event, facts) for event in events])

    def _taken(self, request: Received) -> Mail:
        if request.headers.get("authorization") != f"Bearer {self._api_key}":
            raise MailRefusedError(
                "The provided authorization grant is invalid, expired, or revoked", status=401
            )
        if request.path != "/v3/mail/send":
            raise MailRefusedError("Not Found", status=404)
        if request.method != "POST":
            raise MailRefusedError("Method Not Allowed", status=405)
        if request.headers.get("content-type") != "application/json":
            raise MailRefusedError("Content-Type should be application/json.", status=415)
        if len(request.body) > _BYTES_MAX:
            raise MailRefusedError("Payload too large", status=413)
        try:
            document = request.json()
        except UNREADABLE:
            raise MailRefusedError("Bad Request") from None
        return mail(document, {"shop.example"})

    def _process(self, identifier: str, taken: Mail) -> None:
        """What SendGrid does by itself: drop, or take in and perhaps deliver."""
        told: list[dict[str, Any]] = []
        for to in taken.recipients:
            if to.casefold() in self._suppressed:
                course: tuple[str, ...] = ("dropped",)
            elif self.delivers:
                course = ("processed", *_COURSES.get(to, ("delivered",)))
            else:
                course = ()
            told += [self._event(identifier, to, event, {}) for event in course]
        self._emit(told)

    def _event(
        self, identifier: str, to: str, event: str, facts: Mapping[str, Any]
    ) -> dict[str, Any]:
        if event in {"spamreport", "unsubscribe"}:
            self._suppressed.add(to.casefold())
        self._told += 1
        taken = self._mails[identifier]
        categories = {"category": list(taken.categories)} if taken.categories else {}
        told = {
            **taken.custom_args.get(to, {}),
            **categories,
            "email": to,
            "timestamp": int(self._now()),
            "smtp-id": f"<{identifier}@geopod-ismtpd-0>",
            "event": event,
            "sg_event_id": f"told-{self._told:06d}",
            "sg_message_id": f"{identifier}.recvd-0-0-0-0.0",
            **_FACTS.get(event, {}),
            **facts,
        }
        if not self._optional_fields:
            told = {name: value for name, value in told.items() if name not in _OPTIONAL}
        return told

    def _emit(self, events: list[dict[str, Any]]) -> None:
        """One request for all of them, an event a line, the last line ended too."""
        if events:
            lines = b",\r\n".join(map(msgspec.json.encode, events))
            first = events[0]
            identifier = f"told-{self._told - len(events) + 1:06d}"
            self.emitter.emit(identifier, first["event"], b"[%b]\r\n" % lines)
