"""Vonage's messages as a fake: strict about fields, stateful, telling by signed webhooks.

Vonage has no numbers for tests. Here the recipient says what becomes of a message:

    +15005550001    refused, as a number that is none
    +15005550004    taken, then rejected: the recipient has opted out
    +15005550009    taken, then undeliverable: out of reach

Everyone else gets it. Who answers STOP is in the list of the opted out from then on.
"""

import base64
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.secrets import Secret
from hardpoint.fakes.emitter import Emitter
from hardpoint.fakes.fields import JsonFields, without_empty
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply, Received
from hardpoint.fakes.vendors import Trigger, VendorFacts
from hardpoint.providers.vonage.reading import WORDS
from hardpoint.providers.vonage.tokens import PART
from hardpoint.providers.vonage.webhooks import VonageWebhooks
from hardpoint.sms.types import SmsConsent

API_KEY = "abcd1234"
API_SECRET = "fake_api_secret"  # noqa: S105 - it opens nothing but this fake
SIGNATURE_SECRET = "fake_signature_secret_of_32_digits"  # noqa: S105 - the same
SENDER = "+15005550006"
INVALID = "+15005550001"
_OPTED_OUT = "15005550004"
_COURSES: Final[Mapping[str, tuple[str, int]]] = {
    _OPTED_OUT: ("rejected", 1240),
    "15005550009": ("undeliverable", 1180),
}
TRIGGERS = (
    Trigger(field="to", value=INVALID, answer="422 1430"),
    *(
        Trigger(field="to", value=f"+{to}", answer=f"{status} {code}")
        for to, (status, code) in _COURSES.items()
    ),
)
TEMPLATE = "shop:greeting"
"""The one template of the account, `Hello {{1}}`, in `en_US`."""
POOL = "pool-1"

_DIGITS = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)
_FROM = re.compile(r"[0-9]{3,15}|[A-Za-z0-9 _-]{1,100}", re.ASCII)
_TEXT = re.compile(r"(?s).{1,4096}")
_REFERENCE = re.compile(r"(?s).{1,100}")
_TEXT_MAX = {"sms": 3200, "whatsapp": 4096, "rcs": 3072}
_TTL_SECONDS = range(20, 604_801)
_TOKEN_SECONDS_MAX = 24 * 3600
_ERRORS = "https://developer.vonage.com/api-errors"


class VonageRefusedError(Exception):
    """Vonage says no."""

    def __init__(self, code: str, title: str, field: str = "", status: int = 422) -> None:
        super().__init__(title)
        self.status = status
        part = "/messages" if code.isdigit() else ""
        self.body: dict[str, Any] = {
            "type": f"{_ERRORS}{part}#{code}",
            "title": title,
            "detail": f"{title}.",
            "instance": "bf0ca0bf927b3b52e3cb03217e1a1ddf",
        }
        if field:
            self.body["invalid_parameters"] = [{"name": field, "reason": title}]


@final
class FakeVonage:
    """One account.

    Args:
        api_secret: with the account's key it opens the account.
        applications: ids of applications and their public keys in PEM, whose tokens open it too.
        delivers: carry each message to the recipient at once; else see `carry`.
        optional_fields: also say what Vonage may leave out of a webhook.
        now: Unix seconds.
    """

    name = "vonage"

    def __init__(
        self,
        api_secret: str = API_SECRET,
        *,
        applications: Mapping[str, str] | None = None,
        delivers: bool = True,
        optional_fields: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.ledger = Ledger()
        """`message` for each that was taken, `refusal` for each that was not."""
        self.delivers = delivers
        self._optional_fields = optional_fields
        self._now = now
        self.emitter = Emitter(VonageWebhooks(secrets=[Secret.value(SIGNATURE_SECRET)]), now=now)
        self.facts = VendorFacts(
            settings={"api_key": API_KEY, "api_secret": api_secret, "from_": SENDER},
            instead=("application_id", "private_key"),
            webhook_secret=SIGNATURE_SECRET,
            triggers=TRIGGERS,
        )
        self._basic = base64.b64encode(f"{API_KEY}:{api_secret}".encode()).decode()
        self._applications = {
            name: load_pem_public_key(pem.encode()) for name, pem in (applications or {}).items()
        }
        self._messages: dict[str, dict[str, Any]] = {}
        self._opted_out: set[str] = set()
        self._told = 0

    @property
    def messages(self) -> Mapping[str, Mapping[str, Any]]:
        """What was taken, by its id, oldest first."""
        return self._messages

    def answer(self, request: Received) -> FakeReply:
        """Take a message, or refuse it as Vonage does."""
        try:
            identifier = self._taken(request)
        except VonageRefusedError as refused:
            self.ledger.record("refusal", type=refused.body["type"])
            return FakeReply.json(refused.body, refused.status)
        return FakeReply.json({"message_uuid": identifier}, 202)

    def carry(self, identifier: str, *statuses: str, error_code: int | None = None) -> None:
        """The carrier reports how far a message is; `error_code` goes with the last report."""
        sent = self._messages[identifier]
        for number, status in enumerate(statuses, 1):
            sent["status"] = status
            told = {
                "message_uuid": identifier,
                "to": sent["to"],
                "from": sent["from"],
                "timestamp": self._time(),
                "status": status,
                "channel": sent["channel"],
                "client_ref": sent.get("client_ref"),
            }
            if error_code is not None and number == len(statuses):
                told["error"] = {
                    "type": f"{_ERRORS}/messages#{error_code}",
                    "title": str(error_code),
                    "detail": "It did not arrive.",
                }
            if self._optional_fields:
                told |= {"usage": {"currency": "EUR", "price": "0.0333"}}
            self._emit(identifier, status, told)

    def receive(self, from_: str, text: str, **media: str) -> str:
        """Someone texts the account, with `image="https://..."`; the id of the message."""
        identifier = self._identifier()
        number = from_.removeprefix("+")
        consent = WORDS.get(text.strip().upper())
        if consent is SmsConsent.STOP:
            self._opted_out.add(number)
        elif consent is SmsConsent.START:
            self._opted_out.discard(number)
        told: dict[str, Any] = {
            "message_uuid": identifier,
            "to": SENDER.removeprefix("+"),
            "from": number,
            "timestamp": self._time(),
            "channel": "mms" if media else "sms",
            "message_type": next(iter(media), "text"),
            "text": text or None,
            **{name: {"url": url} for name, url in media.items()},
        }
        if self._optional_fields:
            told["sms"] = {"num_messages": "1", "keyword": text.partition(" ")[0].upper()}
        self._emit(identifier, "received", told)
        return identifier

    def _taken(self, request: Received) -> str:
        self._check_credentials(request.headers.get("authorization", ""))
        if request.path != "/v1/messages":
            raise VonageRefusedError("not-found", "Not Found", status=404)
        if request.method != "POST":
            raise VonageRefusedError("forbidden", "Forbidden", status=403)
        try:
            document = request.json()
        except UNREADABLE:
            raise VonageRefusedError("1150", "Unprocessable Entity") from None
        sent = self._read(document)
        identifier = self._identifier()
        self._messages[identifier] = sent
        self.ledger.record("message", id=identifier, to=sent["to"], text=sent.get("text"))
        if (course := _COURSES.get(sent["to"])) or sent["to"] in self._opted_out:
            status, code = course or _COURSES[_OPTED_OUT]
            self.carry(identifier, status, error_code=code)
        elif self.delivers:
            self.carry(identifier, "submitted", "delivered")
        return identifier

    def _read(self, document: object) -> dict[str, Any]:
        fields = JsonFields(document, lambda title, field: VonageRefusedError("1150", title, field))
        channel = fields.text("channel", "Invalid channel", re.compile("sms|whatsapp|rcs"))
        to = fields.text("to", "Invalid recipient", _DIGITS)
        if f"+{to}" == INVALID:
            raise VonageRefusedError("1430", "Invalid recipient", "to")
        sent: dict[str, Any] = {
            "channel": channel,
            "to": to,
            "from": fields.text("from", "Invalid sender", _FROM),
            "client_ref": fields.text_or_none("client_ref", "Invalid client_ref", _REFERENCE),
            "webhook_url": fields.text_or_none("webhook_url", "Bad URL", re.compile("https?://.+")),
        }
        fields.text_or_none("webhook_version", "Invalid version", re.compile(r"v0\.1|v1"))
        if (ttl := fields.take("ttl")) is not None and ttl not in _TTL_SECONDS:
            raise VonageRefusedError("1130", "Invalid TTL", "ttl")
        pool = fields.inner_or_none("sms") if channel == "sms" else None
        if pool is not None:
            pool.text("pool_id", "Unknown pool", re.compile(POOL))
            pool.finish()
        kind = fields.text("message_type", "Invalid message_type", re.compile("text|template"))
        if kind == "template":
            sent["text"] = _template(fields)
        else:
            text = fields.text("text", "Invalid text", _TEXT)
            if len(text) > _TEXT_MAX[channel]:
                raise VonageRefusedError("1090", "Message too long", "text")
            sent["text"] = text
        fields.finish()
        return sent

    def _check_credentials(self, authorization: str) -> None:
        scheme, _, shown = authorization.partition(" ")
        if scheme == "Basic" and shown == self._basic:
            return
        if scheme == "Bearer" and self._believed(shown):
            return
        raise VonageRefusedError("unauthorized", "Unauthorized", status=401)

    def _believed(self, token: str) -> bool:
        """Whether an application's token is one, as Vonage documents it."""
        signed, _, signature = token.encode().rpartition(b".")
        payload = PART.decode(signed.partition(b".")[2])
        try:
            claims = msgspec.json.decode(payload or b"", type=dict[str, Any])
            key = self._applications[claims["application_id"]]
            if not isinstance(key, RSAPublicKey):
                return False
            key.verify(PART.decode(signature) or b"", signed, PKCS1v15(), SHA256())
            age, life = self._now() - claims["iat"], claims["exp"] - claims["iat"]
        except (*UNREADABLE, KeyError, TypeError, InvalidSignature):
            return False
        return -60 <= age <= life <= _TOKEN_SECONDS_MAX and bool(claims.get("jti"))

    def _emit(self, identifier: str, status: str, told: dict[str, Any]) -> None:
        body = msgspec.json.encode(without_empty(told))
        self.emitter.emit(f"{identifier}:{status}", f"message.{status}", body)

    def _identifier(self) -> str:
        self._told += 1
        return f"00000000-0000-4000-8000-{self._told:012x}"

    def _time(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._now()))


def _template(fields: JsonFields) -> str:
    """The text that a template makes."""
    template, options = fields.inner("template"), fields.inner("whatsapp")
    template.text("name", "Invalid template", re.compile(TEMPLATE))
    given = template.take("parameters") or ()
    template.finish()
    options.text("policy", "Invalid policy", re.compile("deterministic"))
    options.text("locale", "Invalid locale", re.compile("en_US"))
    options.finish()
    if len(given) > 1:
        raise VonageRefusedError("1022", "Invalid template parameters", "template.parameters")
    return f"Hello {next(iter(given), '')}"
