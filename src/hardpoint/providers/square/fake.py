"""Square's API as a fake: strict about headers and fields, exact about idempotency keys.

https://developer.squareup.com/docs/build-basics/common-api-patterns/idempotency, read 2026-12-01:
the first success under a key is given again, other parameters are refused. How long a key counts is
not published; here it does for ever.
"""

import re
import time
from collections.abc import Callable
from typing import Any, final
from urllib.parse import unquote

import msgspec

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.secrets import Secret
from hardpoint.fakes.emitter import Emitter
from hardpoint.fakes.fields import JsonFields, without_empty
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply, Received
from hardpoint.fakes.vendors import VendorFacts
from hardpoint.providers.square import API_VERSION
from hardpoint.providers.square.fake_account import SellerAccount
from hardpoint.providers.square.fake_endpoints import PATH, Subscriptions
from hardpoint.providers.square.fake_objects import (
    LOCATION,
    TRIGGERS,
    SquareRefusedError,
    refuse,
)
from hardpoint.providers.square.webhooks import SquareWebhooks

ACCESS_TOKEN = "EAAAfake-access-token"  # noqa: S105 - it opens nothing but this fake
SIGNATURE_KEY = "fake_signature_key"
NOTIFICATION_URL = "https://shop.example/webhooks/square"
"""What is signed where nobody says where an event is sent to."""
_PAYMENT = re.compile(r"/v2/payments/([^/]+)(?:/(complete|cancel))?")
_LINKS = "/v2/online-checkout/payment-links"
_READ = re.compile(rf"/v2/(refunds|orders)/([^/]+)|{_LINKS}/([^/]+)")
_CARD = re.compile(r"/v2/cards/([^/]+)/disable")
_KEY = re.compile(r"(?s).{1,45}")
_LONG_KEY = re.compile(r"(?s).{1,192}")


@final
class FakeSquare:
    """One location of one seller.

    Args:
        access_token: opens it.
        signature_key: signs its events.
        optional_fields: also say what Square may leave out: all that is null or empty, the failed
            payment in a refusal, and what surrounds an event.
        now: Unix seconds.
    """

    name = "square"

    def __init__(
        self,
        access_token: str = ACCESS_TOKEN,
        signature_key: str = SIGNATURE_KEY,
        *,
        optional_fields: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.ledger = Ledger()
        """`charge`, `capture`, `refund`, `void`, `decline` and `checkout`; in minor units."""
        self.emitter = Emitter(_Subscription(signature_key), now=now)
        self.account = SellerAccount(self.ledger, now, self._tell)
        self.subscriptions = Subscriptions(signature_key)
        self.facts = VendorFacts(
            settings={"access_token": access_token, "location_id": LOCATION},
            webhook_secret=signature_key,
            triggers=TRIGGERS,
        )
        self._access_token = access_token
        self._optional_fields = optional_fields
        self._stored: dict[tuple[str, str], tuple[Any, FakeReply]] = {}
        self._events = 0

    def answer(self, request: Received) -> FakeReply:
        """Do what the request asks, or refuse as Square does."""
        try:
            self._check_headers(request)
            return self._done(request)
        except SquareRefusedError as refused:
            body = refused.body
            if not self._optional_fields:
                body = {"errors": body["errors"]}
            return FakeReply.json(body, refused.status)

    def _check_headers(self, request: Received) -> None:
        if request.headers.get("authorization") != f"Bearer {self._access_token}":
            raise SquareRefusedError(
                "UNAUTHORIZED",
                "This request could not be authorized.",
                status=401,
                category="AUTHENTICATION_ERROR",
            )
        if request.headers.get("square-version") != API_VERSION:
            raise SquareRefusedError("BAD_REQUEST", f"This fake speaks {API_VERSION} only.")

    def _done(self, request: Received) -> FakeReply:
        if request.method == "GET":
            return self._shown(self._read(request))
        puts = request.method == "PUT" and request.path.startswith(PATH)
        if (
            not (puts or request.method == "POST")
            or request.headers.get("content-type") != "application/json"
        ):
            raise SquareRefusedError("INVALID_CONTENT_TYPE", "This fake takes JSON only.")
        try:
            document = request.json()
        except UNREADABLE:
            raise SquareRefusedError("EXPECTED_JSON_BODY", "That is no JSON.") from None
        fields = JsonFields(document, refuse)
        if puts:
            return self._shown(self.subscriptions.update(request.path, fields))
        changed = _PAYMENT.fullmatch(request.path)
        if changed and changed[2]:
            verb = self.account.complete if changed[2] == "complete" else self.account.cancel
            return self._shown(verb(changed[1], fields))
        if disabled := _CARD.fullmatch(request.path):
            return self._shown(self.account.disable_card(unquote(disabled[1]), fields))
        create = {
            "/v2/payments": self.account.create,
            "/v2/refunds": self.account.refund,
            _LINKS: self.account.create_link,
            "/v2/customers": self.account.create_customer,
            "/v2/cards": self.account.create_card,
            PATH: self.subscriptions.create,
        }.get(request.path)
        if create is None:
            raise SquareRefusedError("NOT_FOUND", "API endpoint not found.", status=404)
        form = _LONG_KEY if request.path == _LINKS else _KEY
        key = (request.path, fields.text("idempotency_key", "A key is needed.", form))
        asked, reply = self._stored.get(key, (document, None))
        if asked != document:
            raise SquareRefusedError("IDEMPOTENCY_KEY_REUSED", "Used before.", "idempotency_key")
        if reply is None:
            reply = self._shown(create(fields))
            self._stored[key] = (document, reply)
        return reply

    def _read(self, request: Received) -> dict[str, Any]:
        if request.path == "/v2/payments":
            return self.account.list(dict(request.query()))
        if request.path == PATH:
            return self.subscriptions.list(dict(request.query()))
        if (found := _PAYMENT.fullmatch(request.path)) and not found[2]:
            return self.account.get(found[1])
        if found := _READ.fullmatch(request.path):
            if found[3]:
                return self.account.get_link(found[3])
            read = self.account.get_refund if found[1] == "refunds" else self.account.get_order
            return read(found[2])
        raise SquareRefusedError("NOT_FOUND", "API endpoint not found.", status=404)

    def _shown(self, document: dict[str, Any]) -> FakeReply:
        return FakeReply.json(document if self._optional_fields else without_empty(document))

    def _tell(self, event_type: str, kind: str, identifier: str, about: dict[str, Any]) -> None:
        self._events += 1
        event_id = f"event-fake-{self._events:06d}"
        event: dict[str, Any] = {
            "merchant_id": "MFAKE0000001",
            "type": event_type,
            "event_id": event_id,
            "data": {"type": kind, "id": identifier, "object": {kind: about}},
        }
        if not self._optional_fields:
            del event["merchant_id"]
            event = without_empty(event)
        self.emitter.emit(event_id, event_type, msgspec.json.encode(event))


@final
class _Subscription:
    """Signs for the address that an event goes to."""

    def __init__(self, signature_key: str) -> None:
        self._secrets = [Secret.value(signature_key)]

    def at(self, url: str) -> SquareWebhooks:
        return SquareWebhooks(secrets=self._secrets, url=url)

    def sign(self, body: bytes, *, now: float, event_id: str, event_type: str) -> Any:
        scheme = self.at(NOTIFICATION_URL)
        return scheme.sign(body, now=now, event_id=event_id, event_type=event_type)
