"""Twilio's conventions: form bodies with repeated names, Basic authorization, errors as JSON."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, cast, final
from urllib.parse import urlencode

import msgspec

from hardpoint.core.errors import ProviderError, UnexpectedResponseError
from hardpoint.http.auth import basic
from hardpoint.http.client import ApiClient
from hardpoint.http.errors import Problem, retry_after
from hardpoint.http.forms import FORM, pairs
from hardpoint.http.messages import Response, Transport
from hardpoint.http.redaction import redacted
from hardpoint.providers.twilio import HOSTS, Twilio, wire
from hardpoint.providers.twilio.errors import ERRORS

_Wire = TypeVar("_Wire")


@final
class TwilioApi:
    """One account's API, the version of 2010-04-01, which is the one there is for messages."""

    def __init__(self, transport: Transport, settings: Twilio) -> None:
        self._account = f"/2010-04-01/Accounts/{settings.account_sid}"
        self._client = ApiClient(
            transport,
            base_url=settings.base_url,
            hosts=HOSTS,
            authorization=basic(settings.api_key_sid or settings.account_sid, settings.secret),
        )

    async def get(self, target: str, kind: type[_Wire]) -> _Wire:
        """Read something of the account's."""
        return self._read(await self._client.send("GET", self._account + target), kind)

    async def post(self, path: str, form: Mapping[str, Any], kind: type[_Wire]) -> _Wire:
        """Create something; a repeat creates another."""
        reply = await self._client.send(
            "POST",
            self._account + path,
            headers=(("content-type", FORM),),
            body=urlencode(list(_fields(form))).encode("ascii"),
        )
        return self._read(reply, kind)

    def _read(self, reply: Response, kind: type[_Wire]) -> _Wire:
        if reply.status not in {200, 201}:
            raise self._error(reply)
        try:
            return msgspec.json.decode(reply.body, type=kind)
        except msgspec.DecodeError as error:
            raise UnexpectedResponseError(
                "the answer is not in a shape we know",
                status=reply.status,
                request_id=_request_id(reply),
                outcome_known=False,
            ) from error

    def _error(self, reply: Response) -> ProviderError:
        try:
            refusal = msgspec.json.decode(reply.body, type=wire.Refusal)
        except msgspec.DecodeError:
            refusal = wire.Refusal()
        return ERRORS.error(
            Problem(
                status=reply.status,
                code=None if refusal.code is None else str(refusal.code),
                message=redacted(refusal.message, self._client.secrets()),
                request_id=_request_id(reply),
                retry_after=retry_after(reply.headers),
            )
        )


def _request_id(reply: Response) -> str | None:
    return reply.headers.get("twilio-request-id")


def _fields(form: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and texts; a list is its name again and again."""
    for name, value in form.items():
        several = isinstance(value, list | tuple)
        for one in cast("list[Any]", value) if several else [value]:
            yield from pairs({name: one})
