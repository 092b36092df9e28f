"""PayPal's API as a fake: strict about headers and fields; a key gives what became of its request.

https://developer.paypal.com/api/rest/reference/idempotency/: the same
PayPal-Request-Id gives the latest status of what was made under it, and nothing is compared. Here
keys count for ever.
"""

import base64
import json
import re
import time
from collections.abc import Callable
from typing import Any, final

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.secrets import Secret
from hardpoint.fakes.emitter import Emitter
from hardpoint.fakes.fields import JsonFields, without_empty
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply, Received
from hardpoint.fakes.vendors import VendorFacts
from hardpoint.providers.paypal.fake_account import BusinessAccount
from hardpoint.providers.paypal.fake_endpoints import PATH, Webhooks
from hardpoint.providers.paypal.fake_key import STAND_IN_KEY
from hardpoint.providers.paypal.fake_objects import (
    TRIGGERS,
    PayPalRefusedError,
    plain,
    refuse,
)
from hardpoint.providers.paypal.webhooks import PayPalWebhooks
from hardpoint.webhooks.verification import WebhookRequest

CLIENT_ID = "AfakeClientId0000000000"
CLIENT_SECRET = "EfakeClientSecret0000000"  # noqa: S105 - it opens nothing but this fake
WEBHOOK_ID = "8FAKE00000000000W"
WEBHOOK_SECRET = f"private:{WEBHOOK_ID}:{STAND_IN_KEY}"
TOKEN_SECONDS = 32_400
_TOKEN = "/v1/oauth2/token"  # noqa: S105 - a path
_VERIFY = "/v1/notifications/verify-webhook-signature"
_ORDERS = "/v2/checkout/orders"
_ORDER = re.compile(rf"{_ORDERS}/([^/]+)(?:/(capture|authorize))?")
_PART = re.compile(
    r"/v2/payments/(authorizations|captures|refunds)/([^/]+)(?:/(capture|void|refund))?"
)
_KEY = re.compile(r".{1,108}")


@final
class FakePayPal:
    """One REST app of one business account.

    Args:
        client_id, client_secret: get its tokens.
        webhook_secret: signs its events, in place of PayPal's certificate.
        optional_fields: also say what PayPal may leave out: all that is null or empty, and what
            surrounds a payment and an event.
        now: Unix seconds.
    """

    name = "paypal"

    def __init__(
        self,
        client_id: str = CLIENT_ID,
        client_secret: str = CLIENT_SECRET,
        webhook_secret: str = WEBHOOK_SECRET,
        *,
        optional_fields: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.ledger = Ledger()
        """`token`, `checkout`, `charge`, `authorize`, `capture`, `refund`, `void`, `decline`."""
        self._scheme = PayPalWebhooks(secrets=[Secret.value(webhook_secret)])
        self.emitter = Emitter(self._scheme, now=now)
        self.account = BusinessAccount(self.ledger, now, self._tell)
        self.webhooks = Webhooks(WEBHOOK_ID)
        self.facts = VendorFacts(
            settings={"client_id": client_id, "client_secret": client_secret},
            webhook_secret=webhook_secret,
            triggers=TRIGGERS,
            token_path=_TOKEN,
        )
        self._pair = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._optional_fields = optional_fields
        self._now = now
        self._tokens: dict[str, float] = {}
        self._done: dict[tuple[str, str], str] = {}
        self._events = 0

    def answer(self, request: Received) -> FakeReply:
        """Do what the request asks, or refuse as PayPal does."""
        if request.path == _TOKEN:
            return self._token(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._tokens.get(token, 0) <= self._now():
            told = {"error": "invalid_token", "error_description": "Token signature is not valid"}
            return FakeReply.json(told, 401)
        try:
            if request.path.startswith(PATH):
                return self._shown(*self.webhooks.answer(request))
            return self._answered(request)
        except PayPalRefusedError as refused:
            return FakeReply.json(refused.body, refused.status, ("paypal-debug-id", "fake-debug"))

    def end_tokens(self) -> None:
        """Every token that was given ends, as when the app's secret is changed."""
        self._tokens.clear()

    def _token(self, request: Received) -> FakeReply:
        if request.headers.get("authorization") != f"Basic {self._pair}":
            told = {"error": "invalid_client", "error_description": "Client Authentication failed"}
            return FakeReply.json(told, 401)
        if request.method != "POST" or request.form() != [("grant_type", "client_credentials")]:
            return FakeReply.json({"error": "unsupported_grant_type"}, 400)
        token = f"A21AAfake{len(self._tokens) + self.ledger.count('token'):06d}"
        self._tokens[token] = self._now() + TOKEN_SECONDS
        self.ledger.record("token")
        given = {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS}
        return FakeReply.json(given | {"scope": "https://uri.paypal.com/services/payments"})

    def _answered(self, request: Received) -> FakeReply:
        if request.method == "GET":
            return self._shown(self._found(request.path))
        typed = request.headers.get("content-type") == "application/json"
        if request.method != "POST" or (request.body and not typed):
            raise PayPalRefusedError("UNSUPPORTED_MEDIA_TYPE", "JSON only.", status=415)
        try:
            # PayPal's own library sends no body where nothing is said.
            document: Any = request.json() if request.body else {}
        except UNREADABLE:
            raise PayPalRefusedError("MALFORMED_REQUEST_JSON", "No JSON.", status=400) from None
        fields = JsonFields(document, refuse)
        if request.path == _VERIFY:
            return self._verified(fields)
        if request.headers.get("prefer") != "return=representation":
            raise refuse("This fake gives whole objects only.", "prefer")
        key = request.headers.get("paypal-request-id")
        if key is None and "payment_source" in document and request.path == _ORDERS:
            raise PayPalRefusedError("PAYPAL_REQUEST_ID_REQUIRED", "A key is needed.", status=400)
        if key is not None and not _KEY.fullmatch(key):
            raise refuse("A key has 1 to 108 characters.", "PayPal-Request-Id")
        known = None if key is None else self._done.get((request.path, key))
        if known is not None:
            return self._shown(self._found(known))
        path, status = self._changed(request.path, fields)
        if key is not None:
            self._done[request.path, key] = path
        return self._shown(self._found(path), status)

    def _changed(self, path: str, fields: JsonFields) -> tuple[str, int]:
        """Where what it made or changed is to be read, and the status of the answer."""
        account = self.account
        if path == _ORDERS:
            return f"{_ORDERS}/{account.create_order(fields)}", 201
        if (found := _ORDER.fullmatch(path)) and found[2]:
            act = account.capture_order if found[2] == "capture" else account.authorize_order
            return f"{_ORDERS}/{act(found[1], fields)}", 201
        verbs = {
            ("authorizations", "capture"): (account.capture_authorization, "captures", 201),
            ("authorizations", "void"): (account.void, "authorizations", 200),
            ("captures", "refund"): (account.refund, "refunds", 201),
        }
        found = _PART.fullmatch(path)
        verb = verbs.get((found[1], found[3])) if found else None
        if found is None or verb is None:
            raise PayPalRefusedError("RESOURCE_NOT_FOUND", "No such path.", status=404)
        act, kind, status = verb
        return f"/v2/payments/{kind}/{act(found[2], fields)}", status

    def _found(self, path: str) -> dict[str, Any]:
        if (found := _ORDER.fullmatch(path)) and not found[2]:
            return self.account.order(found[1])
        if (found := _PART.fullmatch(path)) and not found[3]:
            return plain(self.account.part(found[1], found[2]))
        raise PayPalRefusedError("RESOURCE_NOT_FOUND", "No such path.", status=404)

    def _shown(self, document: dict[str, Any], status: int = 200) -> FakeReply:
        return FakeReply.json(self._cut(document), status, ("paypal-debug-id", "fake-debug"))

    def _verified(self, fields: JsonFields) -> FakeReply:
        """`POST /v1/notifications/verify-webhook-signature`."""
        names = ("transmission_id", "transmission_time", "transmission_sig", "cert_url")
        said = {f"paypal-{name.replace('_', '-')}": str(fields.take(name)) for name in names}
        said["paypal-auth-algo"] = str(fields.take("auth_algo"))
        event, webhook_id = fields.take("webhook_event"), fields.take("webhook_id")
        fields.finish()
        body = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
        request = WebhookRequest(headers=said.items(), body=body)
        try:
            self._scheme.verify(request, now=self._now())
            good = webhook_id == WEBHOOK_ID
        except Exception:  # noqa: BLE001 - whatever is wrong with it
            good = False
        return FakeReply.json({"verification_status": "SUCCESS" if good else "FAILURE"})

    def _tell(self, event_type: str, kind: str, about: dict[str, Any]) -> None:
        self._events += 1
        event_id = f"WH-FAKE{self._events:06d}"
        event: dict[str, Any] = {
            "id": event_id,
            "event_version": "1.0",
            "resource_version": "2.0",
            "resource_type": kind,
            "event_type": event_type,
            "summary": "Something happened.",
            "resource": self._cut(about),
        }
        if not self._optional_fields:
            del event["summary"]
        body = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
        self.emitter.emit(event_id, event_type, body)

    def _cut(self, document: dict[str, Any]) -> dict[str, Any]:
        return document if self._optional_fields else without_empty(document)
