"""Lambda as a fake: one function, which returns what it is given.

Rules as https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html has them, read 2026-12-01.
For the payload `"fail"` the function fails, for `"throttle"` there are too many of it.
"""

import base64
import time
from collections.abc import Callable
from typing import final
from urllib.parse import unquote

from hardpoint.core.secrets import Secret
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply, Received
from hardpoint.fakes.sigv4 import SigV4Doorkeeper
from hardpoint.fakes.vendors import Trigger, VendorFacts

ACCESS_KEY_ID = "AKIAFAKE"
SECRET_ACCESS_KEY = "fake-secret-access-key"  # noqa: S105 - it opens nothing but this fake
REGION = "eu-central-1"
FUNCTION = "pack"


class LambdaRefusedError(Exception):
    """The request is refused."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


@final
class FakeLambda:
    """One function, `pack`.

    Args:
        now: Unix seconds.

    Attributes:
        begun: the payloads of the runs that nobody waited for.
    """

    name = "aws.lambda"

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self.ledger = Ledger()
        """`run` for each, `refusal` with its code."""
        self.begun: list[bytes] = []
        self.facts = VendorFacts(
            settings={
                "function": FUNCTION,
                "region": REGION,
                "access_key_id": ACCESS_KEY_ID,
                "secret_access_key": SECRET_ACCESS_KEY,
            },
            address="endpoint_url",
            instead=("session_token", "credentials"),
            triggers=(
                Trigger(field="payload", value='"fail"', answer="200 Unhandled"),
                Trigger(field="payload", value='"throttle"', answer="429 TooManyRequestsException"),
            ),
        )
        self._requests = 0
        self._doorkeeper = SigV4Doorkeeper(
            ACCESS_KEY_ID,
            Secret.value(SECRET_ACCESS_KEY),
            region=REGION,
            service="lambda",
            path_as_sent=False,
            refuse=LambdaRefusedError,
            now=now,
        )

    def answer(self, request: Received) -> FakeReply:
        """Do what the request asks, or refuse as Lambda does."""
        self._requests += 1
        identifier = ("x-amzn-requestid", f"fake-{self._requests:06d}")
        try:
            reply = self._invoked(request)
        except LambdaRefusedError as refused:
            self.ledger.record("refusal", code=refused.code)
            told = {"Type": "User", "Message": "The fake refuses."}
            reply = FakeReply.json(told, refused.status, ("x-amzn-errortype", refused.code))
        return FakeReply(status=reply.status, headers=(*reply.headers, identifier), body=reply.body)

    def _invoked(self, request: Received) -> FakeReply:
        self._doorkeeper.check(request)
        path = unquote(request.path)
        name = path.removeprefix("/2015-03-31/functions/").removesuffix("/invocations")
        if name.rpartition(":")[2] != FUNCTION:
            raise LambdaRefusedError("ResourceNotFoundException", 404)
        if request.body == b'"throttle"':
            raise LambdaRefusedError("TooManyRequestsException", 429)
        self.ledger.record("run")
        if request.headers.get("x-amz-invocation-type") == "Event":
            self.begun.append(request.body)
            return FakeReply(status=202)
        headers = [("x-amz-executed-version", dict(request.query()).get("Qualifier", "$LATEST"))]
        if request.headers.get("x-amz-log-type") == "Tail":
            log = base64.b64encode(b"START\nEND RequestId: fake\n").decode()
            headers.append(("x-amz-log-result", log))
        if request.body == b'"fail"':
            failed = ("x-amz-function-error", "Unhandled")
            told = {"errorMessage": "no order 4242424242424242", "errorType": "KeyError"}
            return FakeReply.json(told, 200, *headers, failed)
        return FakeReply(
            headers=(("content-type", "application/json"), *headers), body=request.body
        )
