"""The services beside storage: signed requests, and refusals in JSON or in XML.

https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html and its neighbours, read 2026-12-01.
An error's code stands in a header, in the body's `__type` after a name space, or in XML.
"""

import re
from collections.abc import Sequence
from typing import Any, TypeVar, final

import msgspec

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.effects import Clock
from hardpoint.core.errors import AuthenticationError, ProviderError
from hardpoint.http.client import USER_AGENT
from hardpoint.http.errors import ErrorTable, Problem
from hardpoint.http.messages import Request, Response, Transport
from hardpoint.http.xml_api import XmlDocument, XmlUnreadableError
from hardpoint.providers.aws import AwsAccount
from hardpoint.providers.aws.credentials import AwsSigners
from hardpoint.runtime.clocks import SystemClock
from hardpoint.runtime.decoding_types import prepared

_Wire = TypeVar("_Wire")
_CODE = re.compile(r"(?:[^#]*#)?([A-Za-z][\w.]{0,99})", re.ASCII)


class Refusal(msgspec.Struct, rename={"type": "__type", "capital": "Message"}):
    """The body of a refusal; services differ in how they write its message."""

    type: str = ""
    message: str | None = None
    capital: str | None = None


@final
class AwsService:
    """One service in one region.

    Args:
        transport: how requests are sent.
        account: whose keys.
        service: its name in signatures, `sqs`.
        region: where it is.
        base_url: its address, without a slash at its end.
        errors: its table.
        clock: its time is signed.
    """

    def __init__(
        self,
        transport: Transport,
        account: AwsAccount,
        service: str,
        *,
        region: str,
        base_url: str,
        errors: ErrorTable,
        clock: Clock | None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._transport = transport
        self._signers = AwsSigners(account, service, self._clock, region=region)
        self._base = base_url
        self._errors = errors

    async def send(
        self,
        method: str,
        target: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Response:
        """Send one request; its answer, if that is a success.

        Args:
            method: `POST`.
            target: path and query, encoded.
            headers: in small letters, each name once.
            body: the bytes.

        Raises:
            ProviderError: as the table has it.
        """
        url = f"{self._base}{target}"
        signed = await self._signers.headers(method, url, headers, body, now=self._clock.now())
        reply = await self._transport.send(
            Request(
                method=method, url=url, headers=(("user-agent", USER_AGENT), *signed), body=body
            )
        )
        if 200 <= reply.status < 300:
            return reply
        error = self.refused(reply, problem_of(reply))
        if isinstance(error, AuthenticationError):
            await self._signers.rejected(error.vendor_code)
        raise error

    async def act(self, action: str, document: Any, *, version: str = "1.0") -> Response:
        """One action of a service that speaks JSON: `AmazonSQS.SendMessage`.

        Raises:
            ProviderError: as the table has it.
        """
        headers = (
            ("content-type", f"application/x-amz-json-{version}"),
            ("x-amz-target", action),
        )
        return await self.send("POST", "/", headers=headers, body=msgspec.json.encode(document))

    def read(self, reply: Response, kind: type[_Wire]) -> _Wire:
        """The body of a success.

        Raises:
            UnexpectedResponseError: it is not of that kind.
        """
        try:
            return msgspec.json.decode(reply.body, type=prepared(kind))
        except UNREADABLE as error:
            raise self._errors.unreadable(reply) from error

    def refused(self, reply: Response, problem: Problem) -> ProviderError:
        """The error for a refusal."""
        return self._errors.refusal(reply, problem, self._signers.secrets())


def problem_of(reply: Response) -> Problem:
    """What a refusal says, however the service writes it."""
    if reply.body.lstrip().startswith(b"<"):
        return _in_xml(reply)
    try:
        said = msgspec.json.decode(reply.body, type=prepared(Refusal))
    except UNREADABLE:
        said = Refusal()
    told = reply.headers.get("x-amzn-errortype", "").partition(":")[0] or said.type
    found = _CODE.fullmatch(told)
    return Problem(
        status=reply.status,
        code=None if found is None else found[1],
        message=said.message or said.capital or "",
    )


def _in_xml(reply: Response) -> Problem:
    try:
        document = XmlDocument.read(reply.body)
    except XmlUnreadableError:
        return Problem(status=reply.status)
    error = next(document.each("Error"), document)
    return Problem(
        status=reply.status, code=error.text("Code") or None, message=error.text("Message")
    )
