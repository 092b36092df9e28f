"""Lambda over REST: one function, waited for or not.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html, read 2026-12-01. A function that
fails is answered 200; a header says so.
"""

import base64
import binascii
from typing import Any, Final, final
from urllib.parse import quote

import msgspec

from hardpoint.core.capabilities import Capabilities
from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.effects import Clock
from hardpoint.core.errors import FunctionFailedError
from hardpoint.functions.driver import FunctionCapability
from hardpoint.functions.types import FunctionResult
from hardpoint.http.messages import Response, Transport
from hardpoint.http.redaction import redacted
from hardpoint.providers.aws.errors import LAMBDA_ERRORS
from hardpoint.providers.aws.resources import Lambda
from hardpoint.providers.aws.services import AwsService

_FAILED: Final = "x-amz-function-error"


class _Failure(msgspec.Struct):
    errorMessage: str | None = None  # noqa: N815 - the vendor's word
    errorType: str | None = None  # noqa: N815


@final
class LambdaFunction:
    """One function.

    Args:
        transport: how requests are sent.
        settings: which function.
        clock: its time is signed.
    """

    provider = "aws.lambda"
    capabilities = Capabilities(
        frozenset(FunctionCapability),
        limits={"payload_bytes": 6 * 1024 * 1024, "begun_bytes": 1024 * 1024},
    )

    def __init__(self, transport: Transport, settings: Lambda, clock: Clock | None = None) -> None:
        self._target = f"/2015-03-31/functions/{quote(settings.function, safe='')}/invocations"
        if settings.qualifier is not None:
            self._target += f"?Qualifier={quote(settings.qualifier, safe='')}"
        self._service = AwsService(
            transport,
            settings,
            "lambda",
            region=settings.region,
            base_url=settings.base_url,
            errors=LAMBDA_ERRORS,
            clock=clock,
        )

    async def invoke(self, payload: bytes, *, log: bool, idempotency_key: str) -> FunctionResult:
        """`Invoke` with `RequestResponse`."""
        asked = (("x-amz-log-type", "Tail"),) if log else ()
        reply = await self._sent(payload, "RequestResponse", asked)
        if (kind := reply.headers.get(_FAILED)) is not None:
            raise _failure(kind, reply)
        return FunctionResult(
            payload=reply.body,
            version=reply.headers.get("x-amz-executed-version"),
            log=_log(reply) if log else None,
            request_id=reply.headers.get("x-amzn-requestid"),
        )

    async def begin(self, payload: bytes, *, idempotency_key: str) -> None:
        """`Invoke` with `Event`; the vendor itself runs it up to twice more when it fails."""
        await self._sent(payload, "Event", ())

    async def _sent(
        self, payload: bytes, kind: str, asked: tuple[tuple[str, str], ...]
    ) -> Response:
        headers = (
            ("content-type", "application/json"),
            ("x-amz-invocation-type", kind),
            *asked,
        )
        return await self._service.send("POST", self._target, headers=headers, body=payload)


def _failure(kind: str, reply: Response) -> FunctionFailedError:
    """What the function's own error says, redacted; its class is the code."""
    try:
        said = msgspec.json.decode(reply.body, type=_Failure)
    except UNREADABLE:
        said = _Failure()
    told = ": ".join(one for one in (said.errorType, said.errorMessage) if one)
    facts: dict[str, Any] = {
        "provider": LambdaFunction.provider,
        "status": reply.status,
        "vendor_code": said.errorType or kind,
        "request_id": reply.headers.get("x-amzn-requestid"),
    }
    return FunctionFailedError(f"the function failed: {redacted(told or kind)}", **facts)


def _log(reply: Response) -> str | None:
    """The last 4 KB; None where they are not there."""
    try:
        text = base64.b64decode(reply.headers.get("x-amz-log-result", ""), validate=True)
    except (binascii.Error, ValueError):
        return None
    return text.decode(errors="replace") or None
