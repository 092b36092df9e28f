"""Stripe's conventions: form bodies, a key in a header, a pinned version, errors as JSON."""

from collections.abc import Mapping
from typing import Any, TypeVar, final

import msgspec

from hardpoint.core.errors import (
    DeclinedError,
    InvalidRequestError,
    ProviderError,
    UnexpectedResponseError,
)
from hardpoint.http.auth import bearer
from hardpoint.http.client import ApiClient
from hardpoint.http.errors import Problem, retry_after
from hardpoint.http.forms import FORM, encode
from hardpoint.http.messages import Response, Transport
from hardpoint.http.redaction import redacted
from hardpoint.providers.stripe import API_VERSION, HOST, Stripe, wire
from hardpoint.providers.stripe.errors import ERRORS

_Wire = TypeVar("_Wire")


@final
class StripeApi:
    """One account's API."""

    def __init__(self, transport: Transport, settings: Stripe) -> None:
        headers = [("stripe-version", API_VERSION)]
        if settings.account is not None:
            headers.append(("stripe-account", settings.account))
        self._client = ApiClient(
            transport,
            base_url=settings.base_url,
            hosts={HOST},
            authorization=bearer(settings.secret_key),
            headers=headers,
        )

    async def get(self, target: str, kind: type[_Wire]) -> _Wire:
        """Read something."""
        return self._read(await self._client.send("GET", target), kind)

    async def post(
        self, path: str, form: Mapping[str, Any], idempotency_key: str, kind: type[_Wire]
    ) -> _Wire:
        """Change something."""
        reply = await self._client.send(
            "POST",
            path,
            headers=(("content-type", FORM), ("idempotency-key", idempotency_key)),
            body=encode(form),
        )
        return self._read(reply, kind)

    def _read(self, reply: Response, kind: type[_Wire]) -> _Wire:
        if reply.status != 200:
            raise self._error(reply)
        try:
            return msgspec.json.decode(reply.body, type=kind)
        except msgspec.DecodeError as error:
            raise UnexpectedResponseError(
                "the answer is not in a shape we know",
                status=reply.status,
                request_id=reply.headers.get("request-id"),
                outcome_known=False,
            ) from error

    def _error(self, reply: Response) -> ProviderError:
        try:
            refusal = msgspec.json.decode(reply.body, type=wire.Refusal).error
        except msgspec.DecodeError:
            refusal = wire.Error(type="")
        secrets = self._client.secrets()
        error = ERRORS.error(
            Problem(
                status=reply.status,
                code=refusal.code or refusal.type or None,
                message=redacted(refusal.message, secrets),
                request_id=reply.headers.get("request-id"),
                retry_after=retry_after(reply.headers),
                details={"decline_code": refusal.decline_code} if refusal.decline_code else {},
            )
        )
        if isinstance(error, InvalidRequestError):
            error.field = refusal.param
        # Stripe's word on retrying goes before ours: it knows whether a 500 was stored under the
        # key, to be repeated for ever.
        match reply.headers.get("stripe-should-retry"):
            case "false":
                error.retryable = False
            case "true" if not isinstance(error, DeclinedError):
                error.retryable = True
            case _:
                pass
        return error
