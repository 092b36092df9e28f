"""Stripe's API as a fake: strict about headers and parameters, exact about idempotency keys.

https://docs.stripe.com/api/idempotent_requests, read 2026-11-23: the first answer under a key is
stored once execution has begun, a 500 too; a repeat gets it again, with `Idempotent-Replayed`;
other parameters are refused; keys are forgotten after 24 hours.
"""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, final

import msgspec

from hardpoint.core.secrets import Secret
from hardpoint.fakes.emitter import Emitter
from hardpoint.fakes.fields import Fields, nested, without_empty
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply, Received
from hardpoint.fakes.vendors import VendorFacts
from hardpoint.providers.stripe import API_VERSION
from hardpoint.providers.stripe.fake_account import Account
from hardpoint.providers.stripe.fake_cards import TRIGGERS
from hardpoint.providers.stripe.fake_checkout import Pages
from hardpoint.providers.stripe.fake_customers import Customers
from hardpoint.providers.stripe.fake_endpoints import PATH, Endpoints
from hardpoint.providers.stripe.fake_objects import ObjectRefusedError
from hardpoint.providers.stripe.webhooks import StripeWebhooks

SECRET_KEY = "sk_test_fake"  # noqa: S105 - it opens nothing but this fake
WEBHOOK_SECRET = "whsec_fake"  # noqa: S105 - the same
KEY_SECONDS = 24 * 3600
_INTENT = re.compile(r"/v1/payment_intents/([^/]+)(?:/(confirm|capture|cancel))?")
_PAGES = "/v1/checkout/sessions"
_PAGE = re.compile(rf"{_PAGES}/([^/]+)")
_METHOD = re.compile(r"/v1/payment_methods/([^/]+)(/detach)?")
_REFUND = re.compile(r"/v1/refunds/([^/]+)")


class _Stored(msgspec.Struct, frozen=True):
    """The first answer under a key."""

    fingerprint: tuple[str, str, bytes]
    reply: FakeReply
    at: float


@final
class FakeStripe:
    """One test account.

    Args:
        secret_key: the key it takes.
        webhook_secret: signs its events.
        optional_fields: also say what Stripe may leave out: all that is null or empty, and what
            surrounds an event.
        now: Unix seconds.
    """

    name = "stripe"

    def __init__(
        self,
        secret_key: str = SECRET_KEY,
        webhook_secret: str = WEBHOOK_SECRET,
        *,
        optional_fields: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.ledger = Ledger()
        """`charge`, `capture`, `refund`, `void`, `decline` and `checkout`; in minor units."""
        self.emitter = Emitter(StripeWebhooks(secrets=[Secret.value(webhook_secret)]), now=now)
        self.account = Account(self.ledger, now, self._tell)
        self.pages = Pages(self.account, self.ledger, now, self._tell)
        self.customers = Customers(self.account, self._tell)
        self.endpoints = Endpoints(webhook_secret)
        self.facts = VendorFacts(
            settings={"secret_key": secret_key},
            instead=("live",),
            webhook_secret=webhook_secret,
            triggers=TRIGGERS,
        )
        self.keys_in_flight: set[str] = set()
        """Keys whose first call has not ended, to be answered 409."""
        self.failures = 0
        """How many of the next calls begin and end in a stored 500, nothing done."""
        self._optional_fields = optional_fields
        self._secret_key = secret_key
        self._now = now
        self._stored: dict[str, _Stored] = {}
        self._requests = 0
        self._events = 0
        self._creators = {
            "/v1/refunds": self.account.refund,
            _PAGES: self.pages.create,
            "/v1/customers": self.customers.create,
            "/v1/setup_intents": self.customers.save,
        }

    def answer(self, request: Received) -> FakeReply:
        """Do what the request asks, or refuse as Stripe does."""
        self._requests += 1
        try:
            self._check_headers(request)
            reply = self._stored_or_new(request) if request.method == "POST" else self._do(request)
        except ObjectRefusedError as refused:
            reply = FakeReply.json(refused.body, refused.status)
        return _with(reply, ("request-id", f"req_fake{self._requests:06d}"))

    def _check_headers(self, request: Received) -> None:
        if request.headers.get("authorization") != f"Bearer {self._secret_key}":
            raise ObjectRefusedError(None, "Invalid API Key provided: sk_test_****", status=401)
        if request.headers.get("stripe-version") != API_VERSION:
            raise ObjectRefusedError(None, f"This fake speaks {API_VERSION} only.")
        if request.method == "POST" and not request.headers.get("idempotency-key"):
            raise ObjectRefusedError(None, "This fake takes no POST without Idempotency-Key.")

    def _stored_or_new(self, request: Received) -> FakeReply:
        key = request.headers["idempotency-key"]
        if key in self.keys_in_flight:
            raise ObjectRefusedError(
                "idempotency_key_in_use",
                "There is currently another in-progress request using this key.",
                status=409,
                kind="idempotency_error",
            )
        stored = self._stored.get(key)
        if stored is not None and self._now() - stored.at < KEY_SECONDS:
            if stored.fingerprint != _fingerprint(request):
                raise ObjectRefusedError(
                    None,
                    "Keys for idempotent requests can only be used with the same parameters.",
                    kind="idempotency_error",
                )
            return _with(stored.reply, ("idempotent-replayed", "true"))
        try:
            reply = self._do(request)
        except ObjectRefusedError as refused:
            reply = FakeReply.json(refused.body, refused.status)
            if "param" in refused.body["error"]:
                return reply  # its parameters were found wanting before anything began
        self._stored[key] = _Stored(_fingerprint(request), reply, self._now())
        return reply

    def _do(self, request: Received) -> FakeReply:
        if request.method == "POST" and self.failures:
            self.failures -= 1
            body = {"error": {"type": "api_error", "message": "An unknown error occurred"}}
            return FakeReply.json(body, 500, ("stripe-should-retry", "false"))
        registers = request.path.startswith(PATH)
        document = self.endpoints.answer(request) if registers else self._routed(request)
        return FakeReply.json(document if self._optional_fields else without_empty(document))

    def _routed(self, request: Received) -> dict[str, Any]:
        post = request.method == "POST"
        fields = Fields(nested(request.form() if post else request.query()))
        if request.path == "/v1/payment_intents":
            return self.account.create(fields) if post else self.account.list(fields)
        if post and (create := self._creators.get(request.path)):
            return create(fields)
        if not post and (page := _PAGE.fullmatch(request.path)):
            return self.pages.get(page[1], fields)
        if not post and (refund := _REFUND.fullmatch(request.path)):
            return self.account.get_refund(refund[1], fields)
        if (method := _METHOD.fullmatch(request.path)) and post is bool(method[2]):
            customers = self.customers
            return customers.detach(method[1], fields) if post else customers.method(method[1])
        found = _INTENT.fullmatch(request.path)
        verb = found[2] if found else None
        if found is None or post is (verb is None):
            raise ObjectRefusedError(None, "Unrecognized request URL.", status=404)
        do = getattr(self.account, verb or "get")
        return do(found[1], fields)

    def _tell(self, event_type: str, about: dict[str, Any], before: Mapping[str, Any]) -> None:
        self._events += 1
        data: dict[str, Any] = {"object": about}
        if before:
            data["previous_attributes"] = before
        identifier = f"evt_fake{self._events:06d}"
        event = {"id": identifier, "object": "event", "data": data, "type": event_type}
        if self._optional_fields:
            event |= {
                "api_version": API_VERSION,
                "created": int(self._now()),
                "livemode": False,
                "pending_webhooks": 1,
            }
        else:
            event = without_empty(event)
        self.emitter.emit(identifier, event_type, msgspec.json.encode(event))


def _fingerprint(request: Received) -> tuple[str, str, bytes]:
    return request.method, request.target, request.body


def _with(reply: FakeReply, *headers: tuple[str, str]) -> FakeReply:
    return msgspec.structs.replace(reply, headers=(*reply.headers, *headers))
