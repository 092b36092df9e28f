"""SendGrid's event webhooks, as a fake; see `endpoints.py` for the vendor's pages.

Events go where the emitter's followers are, whatever is registered here.
"""

import re
from typing import Any, final

from hardpoint.core.decoding import UNREADABLE
from hardpoint.fakes.messages import FakeReply, Received
from hardpoint.providers.sendgrid.endpoints import SWITCHES
from hardpoint.providers.sendgrid.fake_mail import MailRefusedError

PATH = "/v3/user/webhooks/event/settings"
_ONE = re.compile(rf"{PATH}/(signed/)?([^/]+)")
_URL = re.compile(r"https?://[!-~]+")
_FIELDS = {"enabled", "url", *SWITCHES.values()}


@final
class EventWebhooks:
    """Those of one account.

    Args:
        api_key: opens it.
        verification_key: of each of them.
    """

    def __init__(self, api_key: str, verification_key: str) -> None:
        self._api_key = api_key
        self._key = verification_key
        self.known: dict[str, dict[str, Any]] = {}
        """By id; signed are those with a `public_key`."""

    def answer(self, request: Received) -> FakeReply:
        """What is asked of a path that starts with `PATH`."""
        try:
            return self._answered(request)
        except MailRefusedError as refused:
            return FakeReply.json(refused.body, refused.status)

    def _answered(self, request: Received) -> FakeReply:
        if request.headers.get("authorization") != f"Bearer {self._api_key}":
            raise MailRefusedError("The provided authorization grant is invalid", status=401)
        if request.method == "GET" and request.path == f"{PATH}/all":
            return FakeReply.json({"max_allowed": 5, "webhooks": [*self.known.values()]})
        try:
            document: Any = request.json()
        except UNREADABLE:
            raise MailRefusedError("Bad Request") from None
        if request.method == "POST" and request.path == PATH:
            identifier = f"fake-webhook-{len(self.known) + 1}"
            made = {"id": identifier, "enabled": False, "url": "", "friendly_name": ""}
            return self._set(made, document, 201)
        found = _ONE.fullmatch(request.path)
        if found is None or request.method != "PATCH" or found[2] not in self.known:
            raise MailRefusedError("Not Found", status=404)
        webhook = self.known[found[2]]
        if not found[1]:
            return self._set(webhook, document, 200)
        if document != {"enabled": True}:
            raise MailRefusedError("This fake switches the signature on only.")
        webhook["public_key"] = self._key
        return FakeReply.json({"id": webhook["id"], "public_key": self._key})

    def _set(self, webhook: dict[str, Any], document: Any, status: int) -> FakeReply:
        changed = webhook | document
        if document.keys() - _FIELDS or not _URL.fullmatch(changed["url"]):
            raise MailRefusedError("Not a valid setting.")
        self.known[webhook["id"]] = changed
        told = {name: value for name, value in changed.items() if name != "public_key"}
        return FakeReply.json(told, status)
