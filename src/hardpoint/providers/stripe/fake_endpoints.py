"""Stripe's webhook endpoints, as a fake; https://docs.stripe.com/api/webhook_endpoints.

Read 2026-12-01. Events go where the emitter's followers are, whatever is registered here.
"""

import re
from typing import Any, final

from hardpoint.fakes.fields import Fields, nested
from hardpoint.fakes.messages import Received
from hardpoint.providers.stripe.fake_objects import ObjectRefusedError, finish

PATH = "/v1/webhook_endpoints"
_ENDPOINT = re.compile(rf"{PATH}/([^/]+)")
_TYPE = re.compile(r"\*|[a-z0-9_]+(?:\.[a-z0-9_]+)+")
_URL = re.compile(r"https?://[!-~]+")


@final
class Endpoints:
    """Those of one account.

    Args:
        secret: of each endpoint that is made.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self.known: dict[str, dict[str, Any]] = {}
        """By id, without their secrets."""

    def answer(self, request: Received) -> dict[str, Any]:
        """Whatever is asked of a path that starts with `PATH`."""
        post, found = request.method == "POST", _ENDPOINT.fullmatch(request.path)
        fields = Fields(nested(request.form() if post else request.query()))
        if request.path == PATH:
            return self._create(fields) if post else self._list(fields)
        if found is None or not post:
            raise ObjectRefusedError(None, "Unrecognized request URL.", status=404)
        return self._update(found[1], fields)

    def _create(self, fields: Fields) -> dict[str, Any]:
        """`POST /v1/webhook_endpoints`; the one answer with the secret."""
        identifier = f"we_fake{len(self.known) + 1:06d}"
        version = fields.take("api_version")
        fields.take("connect")
        endpoint: dict[str, Any] = {
            "id": identifier,
            "object": "webhook_endpoint",
            "api_version": version,
            "enabled_events": [],
            "livemode": False,
            "status": "enabled",
            "url": None,
        }
        self._set(endpoint, fields)
        for name in ("url", "enabled_events"):
            if not endpoint[name]:
                raise ObjectRefusedError("parameter_missing", "Missing param.", param=name)
        self.known[identifier] = endpoint
        return endpoint | {"secret": self._secret}

    def _update(self, identifier: str, fields: Fields) -> dict[str, Any]:
        """`POST /v1/webhook_endpoints/:id`."""
        if identifier not in self.known:
            raise ObjectRefusedError("resource_missing", "No such endpoint.", status=404)
        changed = dict(self.known[identifier])
        disabled = fields.take("disabled")
        if disabled is not None:
            changed["status"] = "disabled" if disabled == "true" else "enabled"
        self._set(changed, fields)
        self.known[identifier] = changed
        return changed

    def _list(self, fields: Fields) -> dict[str, Any]:
        """`GET /v1/webhook_endpoints`, the newest first."""
        limit, after = int(fields.take("limit") or 10), fields.take("starting_after")
        finish(fields)
        found = [*reversed(self.known.values())]
        if after is not None:
            found = found[[one["id"] for one in found].index(after) + 1 :]
        more = len(found) > limit
        return {"object": "list", "url": PATH, "data": found[:limit], "has_more": more}

    def _set(self, endpoint: dict[str, Any], fields: Fields) -> None:
        url, events = fields.take("url"), [*fields.texts("enabled_events").values()]
        finish(fields)
        if url is not None and not _URL.fullmatch(url):
            raise ObjectRefusedError("url_invalid", "Not a valid URL", param="url")
        if not all(_TYPE.fullmatch(one) for one in events):
            raise ObjectRefusedError(None, "Invalid enabled_events.", param="enabled_events")
        endpoint["url"] = url or endpoint["url"]
        endpoint["enabled_events"] = events or endpoint["enabled_events"]
