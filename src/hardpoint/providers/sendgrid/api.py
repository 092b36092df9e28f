"""SendGrid's conventions: JSON bodies, Bearer authorization, errors as a list."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, final

import msgspec

from hardpoint.core.errors import InvalidRequestError, ProviderError
from hardpoint.http.auth import bearer
from hardpoint.http.client import ApiClient
from hardpoint.http.errors import RETRY_AFTER_SECONDS_MAX, Problem, retry_after
from hardpoint.http.messages import Response, Transport
from hardpoint.http.redaction import redacted
from hardpoint.providers.sendgrid import HOSTS, SendGrid, wire
from hardpoint.providers.sendgrid.errors import ERRORS, code


@final
class SendGridApi:
    """One account's Web API, version 3."""

    def __init__(self, transport: Transport, settings: SendGrid) -> None:
        self._client = ApiClient(
            transport,
            base_url=settings.base_url,
            hosts=HOSTS,
            authorization=bearer(settings.api_key),
        )

    async def post(self, path: str, document: Mapping[str, Any]) -> Response:
        """Do something; a repeat does it again. The answer is a 200 or 202."""
        try:
            body = msgspec.json.encode(document)
        except (TypeError, ValueError):
            # All else was checked by the port.
            raise InvalidRequestError("cannot be written as JSON", field="extra.sendgrid") from None
        reply = await self._client.send(
            "POST", path, headers=(("content-type", "application/json"),), body=body
        )
        if reply.status not in {200, 202}:
            raise self._error(reply)
        return reply

    def _error(self, reply: Response) -> ProviderError:
        try:
            faults = msgspec.json.decode(reply.body, type=wire.Refusal).errors
        except msgspec.DecodeError:
            faults = []
        first = faults[0] if faults else wire.Fault()
        return ERRORS.error(
            Problem(
                status=reply.status,
                code=code(reply.status, first),
                message=redacted(first.message, self._client.secrets()),
                request_id=reply.headers.get("x-message-id"),
                retry_after=_retry_after(reply.headers),
                details={"field": first.field or ""},
            )
        )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, by the usual header or SendGrid's own.

    `X-RateLimit-Reset` is in Unix seconds, so it is measured from the answer's `Date`: no clock is
    needed, nor that ours be right.
    """
    reset = headers.get("x-ratelimit-reset", "")
    if "retry-after" in headers or not (reset.isascii() and reset.isdecimal()):
        return retry_after(headers)
    try:
        now = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(float(reset) - now, 0.0), RETRY_AFTER_SECONDS_MAX)
