"""Square's webhook subscriptions, as a fake.

https://developer.squareup.com/reference/square/webhook-subscriptions-api, read 2026-12-01. Events
go where the emitter's followers are, whatever is registered here.
"""

import re
from typing import Any, final
from urllib.parse import unquote

from hardpoint.fakes.fields import JsonFields
from hardpoint.providers.square import API_VERSION
from hardpoint.providers.square.fake_objects import SquareRefusedError

PATH = "/v2/webhooks/subscriptions"
_ONE = re.compile(rf"{PATH}/([^/]+)")
_TYPE = re.compile(r"[a-z_]+(?:\.[a-z_]+)+")
_URL = re.compile(r"https?://[!-~]+")
_TEXT = re.compile(r"(?s).{1,64}")


@final
class Subscriptions:
    """Those of one application.

    Args:
        key: signs what each of them is sent.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self.known: dict[str, dict[str, Any]] = {}
        """By id, with their keys."""

    def list(self, query: dict[str, str]) -> dict[str, Any]:
        """`GET /v2/webhooks/subscriptions`; without keys."""
        every, limit = query.pop("include_disabled", "false"), int(query.pop("limit", "100"))
        start = int(query.pop("cursor", "0"))
        if query or every not in {"true", "false"}:
            raise SquareRefusedError("BAD_REQUEST", "This fake does not know the parameter.")
        shown = [one for one in self.known.values() if every == "true" or one["enabled"]]
        page = [without_key(one) for one in shown[start : start + limit]]
        more = start + limit < len(shown)
        return {"subscriptions": page} | ({"cursor": str(start + limit)} if more else {})

    def create(self, fields: JsonFields) -> dict[str, Any]:
        """`POST /v2/webhooks/subscriptions`, which tells the key."""
        identifier = f"wbhk_fake{len(self.known) + 1:06d}"
        made = {"id": identifier, "enabled": True, "api_version": API_VERSION}
        self._set(made, fields)
        for name in ("name", "event_types", "notification_url"):
            if not made[name]:
                raise SquareRefusedError("MISSING_REQUIRED_PARAMETER", "Missing.", name)
        self.known[identifier] = made | {"signature_key": self._key}
        return {"subscription": self.known[identifier]}

    def update(self, path: str, fields: JsonFields) -> dict[str, Any]:
        """`PUT /v2/webhooks/subscriptions/:id`."""
        found = _ONE.fullmatch(path)
        identifier = unquote(found[1]) if found else ""
        if identifier not in self.known:
            raise SquareRefusedError("NOT_FOUND", "No such subscription.", status=404)
        changed = dict(self.known[identifier])
        self._set(changed, fields)
        self.known[identifier] = changed
        return {"subscription": without_key(changed)}

    def _set(self, made: dict[str, Any], fields: JsonFields) -> None:
        inner = fields.inner("subscription")
        fields.finish()
        texts = {"name": _TEXT, "notification_url": _URL, "api_version": _TEXT}
        for name, form in texts.items():
            made[name] = inner.text_or_none(name, "Not valid.", form) or made.get(name)
        types: list[Any] = inner.take("event_types") or made.get("event_types") or []
        if not all(_TYPE.fullmatch(str(one)) for one in types):
            raise SquareRefusedError("INVALID_VALUE", "No such type.", "event_types")
        made["event_types"] = types
        enabled = inner.take("enabled")
        made["enabled"] = made["enabled"] if enabled is None else enabled is True
        inner.finish()


def without_key(found: dict[str, Any]) -> dict[str, Any]:
    """As lists and changes show it."""
    return {name: value for name, value in found.items() if name != "signature_key"}
