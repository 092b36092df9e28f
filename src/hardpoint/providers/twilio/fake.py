"""Twilio's messages as a fake: strict about parameters, stateful, telling by signed callbacks.

Magic numbers as https://www.twilio.com/docs/iam/test-credentials has them, read 2026-11-23; unlike
test credentials it also reads, lists and calls back.
"""

import base64
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, final
from urllib.parse import urlencode

from hardpoint.core.secrets import Secret
from hardpoint.fakes.emitter import Emitter
from hardpoint.fakes.fields import without_empty
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply, Received
from hardpoint.fakes.vendors import VendorFacts
from hardpoint.http.forms import FORM
from hardpoint.providers.twilio.fake_calls import STEPS, Call, Switchboard
from hardpoint.providers.twilio.fake_messages import TRIGGERS, Mailbox, MessageRefusedError, Text
from hardpoint.providers.twilio.webhooks import TwilioWebhooks

ACCOUNT_SID = "AC" + "f" * 32
AUTH_TOKEN = "fake_auth_token"  # noqa: S105 - it opens nothing but this fake
SENDER = "+15005550006"
"""The one number of the account."""
SERVICE_SID = "MG" + "f" * 32
"""Its messaging service."""

_PATH = re.compile(r"/2010-04-01/Accounts/([^/]+)/(Messages|Calls)(?:/([^/]+))?\.json")


@final
class FakeTwilio:
    """One account.

    Args:
        auth_token: with the account's SID it opens the account, and it signs callbacks.
        api_keys: SIDs of API keys and their secrets, which open it too.
        delivers: carry each message to the recipient at once; else see `carry`.
        optional_fields: also say what Twilio may leave out, `OptOutType` where Advanced Opt-Out is
            not set up among it.
        now: Unix seconds.
    """

    name = "twilio"

    def __init__(
        self,
        auth_token: str = AUTH_TOKEN,
        *,
        api_keys: dict[str, str] | None = None,
        delivers: bool = True,
        optional_fields: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.ledger = Ledger()
        """`message` and `call` for each that was taken, `refusal` for each that was not."""
        self.delivers = delivers
        self._optional_fields = optional_fields
        self._callbacks: dict[str, str] = {}
        self.emitter = Emitter(_Signer(auth_token, self._callbacks), now=now)
        self.facts = VendorFacts(
            settings={"account_sid": ACCOUNT_SID, "secret": auth_token, "from_": SENDER},
            instead=("api_key_sid", "messaging_service_sid"),
            webhook_secret=auth_token,
            triggers=TRIGGERS,
        )
        self.switchboard = Switchboard(ACCOUNT_SID, {SENDER}, now)
        self.mailbox = Mailbox(ACCOUNT_SID, {SENDER}, {SERVICE_SID: SENDER}, now)
        self._basic = {
            base64.b64encode(f"{user}:{secret}".encode()).decode()
            for user, secret in {ACCOUNT_SID: auth_token, **(api_keys or {})}.items()
        }
        self._requests = 0
        self._told = 0

    def answer(self, request: Received) -> FakeReply:
        """Do what the request asks, or refuse as Twilio does."""
        self._requests += 1
        identifier = ("twilio-request-id", f"RQ{self._requests:032x}")
        try:
            document, status = self._routed(request)
        except MessageRefusedError as refused:
            self.ledger.record("refusal", code=refused.code)
            document, status = refused.body, refused.status
        shown = document if self._optional_fields else without_empty(document)
        return FakeReply.json(shown, status, identifier)

    def carry(self, sid: str, *statuses: str, error_code: int | None = None) -> None:
        """The carrier reports how far a message is; `error_code` goes with the last report."""
        text = self.mailbox.text(sid)
        for number, status in enumerate(statuses, 1):
            text.status = status
            text.error_code = error_code if number == len(statuses) else None
            self._tell(text)

    def receive(self, from_: str, body: str, *, url: str, media: Sequence[str] = ()) -> str:
        """Someone texts the account; its SID. `url` is where the number's webhook goes."""
        text = self.mailbox.receive(from_, SENDER, body)
        fields = {"Body": body}
        if media or self._optional_fields:
            fields["NumMedia"] = str(len(media))
        fields |= {f"MediaUrl{number}": one for number, one in enumerate(media)}
        consent = self.mailbox.consent(from_, body)
        if consent is not None and self._optional_fields:
            fields["OptOutType"] = consent
        self._emit(text, url, fields)
        return text.sid

    def _routed(self, request: Received) -> tuple[dict[str, Any], int]:
        scheme, _, pair = request.headers.get("authorization", "").partition(" ")
        if scheme != "Basic" or pair not in self._basic:
            raise MessageRefusedError(20003, "Authenticate", status=401)
        found = _PATH.fullmatch(request.path)
        if found is None or found[1] != ACCOUNT_SID:
            raise MessageRefusedError(
                20404, f"The requested resource {request.path} was not found", 404
            )
        what, sid = found[2], found[3]
        if request.method == "GET" and what == "Messages":
            if sid is not None:
                return self.mailbox.text(sid).shown(), 200
            return self.mailbox.page(request.query()), 200
        if request.method == "GET" and sid is not None:
            return self.switchboard.call(sid).shown(), 200
        if request.method != "POST":
            raise MessageRefusedError(20004, "Method not allowed", status=405)
        if request.headers.get("content-type") != FORM:
            raise MessageRefusedError(20001, "This fake takes forms only.", status=415)
        if what == "Calls":
            return self._called(sid, request.form())
        if sid is not None:
            return self._canceled(sid, request.form()), 200
        return self._create(request.form()), 201

    def _called(self, sid: str | None, form: list[tuple[str, str]]) -> tuple[dict[str, Any], int]:
        if sid is not None:
            call = self.switchboard.update(sid, form)
            self._tell_call(call, "completed")
            return call.shown(), 200
        call = self.switchboard.create(form)
        self.ledger.record("call", sid=call.sid, to=call.to, twiml=call.twiml)
        return call.shown(), 201

    def proceed(self, sid: str, *statuses: str) -> None:
        """A call goes on: `ringing`, `in-progress`, then `completed` or another end."""
        call = self.switchboard.call(sid)
        for status in statuses:
            call.status = status
            if status in STEPS:
                self._tell_call(call, STEPS[status])
            else:
                call.duration = 42 if status == "completed" else 0
                self._tell_call(call, "completed")

    def ask(self, sid: str, url: str, **fields: str) -> None:
        """Ask at an address what to do next, as after a `Gather`: `Digits="1"`."""
        self._emit_call(self.switchboard.call(sid), url, fields)

    def _tell_call(self, call: Call, step: str) -> None:
        if call.status_callback is None or step not in call.told:
            return
        call.sequence += 1
        fields = {"CallbackSource": "call-progress-events", "SequenceNumber": str(call.sequence)}
        if call.duration is not None:
            fields["CallDuration"] = str(call.duration)
        self._emit_call(call, call.status_callback, fields)

    def _emit_call(self, call: Call, url: str, fields: dict[str, str]) -> None:
        self._told += 1
        identifier = f"told-{self._told:06d}"
        self._callbacks[identifier] = url
        every = {
            "AccountSid": ACCOUNT_SID,
            "CallSid": call.sid,
            "CallStatus": call.status,
            "From": call.from_,
            "To": call.to,
            **fields,
        }
        if self._optional_fields:
            every |= {"ApiVersion": "2010-04-01", "Direction": "outbound-api"}
        self.emitter.emit(identifier, call.status, urlencode(every).encode("ascii"), FORM)

    def _canceled(self, sid: str, form: list[tuple[str, str]]) -> dict[str, Any]:
        text = self.mailbox.cancel(sid, form)
        self.ledger.record("cancel", sid=sid)
        self._tell(text)
        return text.shown()

    def _create(self, form: list[tuple[str, str]]) -> dict[str, Any]:
        text = self.mailbox.create(form)
        shown = text.shown()
        self.ledger.record("message", sid=text.sid, to=text.to, body=text.body)
        if self.delivers:
            self.carry(text.sid, "sent", "delivered")
        return shown

    def _tell(self, text: Text) -> None:
        if text.status_callback is None:
            return
        fields = {"MessageStatus": text.status}
        if text.error_code is not None:
            fields["ErrorCode"] = str(text.error_code)
        self._emit(text, text.status_callback, fields)

    def _emit(self, text: Text, url: str, fields: dict[str, str]) -> None:
        self._told += 1
        identifier = f"told-{self._told:06d}"
        self._callbacks[identifier] = url
        every = {
            "AccountSid": ACCOUNT_SID,
            "From": text.from_ or "",
            "MessageSid": text.sid,
            "To": text.to,
            **fields,
        }
        if self._optional_fields:
            every |= {"ApiVersion": "2010-04-01", "SmsSid": text.sid, "SmsStatus": text.status}
        self.emitter.emit(identifier, text.status, urlencode(every).encode("ascii"), FORM)


@final
class _Signer:
    """Signs each callback for the address that it goes to, which a proxy may serve elsewhere."""

    def __init__(self, auth_token: str, urls: dict[str, str]) -> None:
        self._secrets = [Secret.value(auth_token)]
        self._urls = urls

    def sign(
        self, body: bytes, *, now: float, event_id: str, event_type: str
    ) -> Sequence[tuple[str, str]]:
        scheme = TwilioWebhooks(secrets=self._secrets, url=self._urls[event_id])
        return scheme.sign(body, now=now, event_id=event_id, event_type=event_type)
