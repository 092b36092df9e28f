"""PayPal's webhooks, as a fake; https://developer.paypal.com/docs/api/webhooks/v1/.

Read 2026-12-01. Events go where the emitter's followers are, whatever is registered here.
"""

import re
from typing import Any, final

from hardpoint.core.decoding import UNREADABLE
from hardpoint.fakes.fields import JsonFields
from hardpoint.fakes.messages import Received
from hardpoint.providers.paypal.fake_objects import PayPalRefusedError, refuse

PATH = "/v1/notifications/webhooks"
_MOST = 10
_ONE = re.compile(rf"{PATH}/([^/]+)")
_TYPE = re.compile(r"\*|[A-Z0-9_-]+(?:\.[A-Z0-9_-]+)+")
_URL = re.compile(r"https?://[!-~]+")


@final
class Webhooks:
    """Those of one app.

    Args:
        first: the id of the first; what the fake signs its events for.
    """

    def __init__(self, first: str) -> None:
        self._first = first
        self.known: dict[str, dict[str, Any]] = {}
        """By id."""

    def answer(self, request: Received) -> tuple[dict[str, Any], int]:
        """What is asked of a path that starts with `PATH`, and the status."""
        if request.path == PATH and request.method == "GET":
            return {"webhooks": [*self.known.values()]}, 200
        try:
            document: Any = request.json()
        except UNREADABLE:
            raise PayPalRefusedError("MALFORMED_REQUEST_JSON", "No JSON.", status=400) from None
        if request.path == PATH and request.method == "POST":
            return self._create(JsonFields(document, refuse)), 201
        found = _ONE.fullmatch(request.path)
        if found is None or request.method != "PATCH" or found[1] not in self.known:
            raise PayPalRefusedError("RESOURCE_NOT_FOUND", "No such webhook.", status=404)
        return self._patch(self.known[found[1]], document), 200

    def _create(self, fields: JsonFields) -> dict[str, Any]:
        url, types = fields.take("url"), fields.take("event_types")
        fields.finish()
        if len(self.known) >= _MOST:
            raise PayPalRefusedError("WEBHOOK_NUMBER_LIMIT_EXCEEDED", "Ten.", status=400)
        if any(one["url"] == url for one in self.known.values()):
            raise PayPalRefusedError("WEBHOOK_URL_ALREADY_EXISTS", "There is one.", status=400)
        identifier = f"8FAKE{len(self.known):011d}W" if self.known else self._first
        made = {"id": identifier, **_checked(url, types)}
        self.known[identifier] = made
        return made

    def _patch(self, found: dict[str, Any], patches: Any) -> dict[str, Any]:
        changed = dict(found)
        for values in patches:
            fields = JsonFields(values, refuse)
            op, path, value = (fields.take(name) for name in ("op", "path", "value"))
            fields.finish()
            if op != "replace" or path not in {"/url", "/event_types"}:
                raise refuse("Only url and event_types are replaced.", "path")
            changed[path[1:]] = value
        changed |= _checked(changed["url"], changed["event_types"])
        if changed == found:
            raise PayPalRefusedError("WEBHOOK_PATCH_REQUEST_NO_CHANGE", "No change.", status=400)
        self.known[found["id"]] = changed
        return changed


def _checked(url: Any, types: Any) -> dict[str, Any]:
    if not _URL.fullmatch(str(url)):
        raise refuse("Not a valid URL.", "url")
    if not types or not all(_TYPE.fullmatch(one["name"]) for one in types):
        raise refuse("Not a valid event type.", "event_types")
    named = [{"name": one["name"], "description": "", "status": "ENABLED"} for one in types]
    return {"url": url, "event_types": named}
