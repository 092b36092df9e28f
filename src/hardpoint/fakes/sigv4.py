"""Who asks a fake, and whether Signature Version 4 proves it: in a header, an address or a form.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html (2026-11-30).
What is proven is compared, never the text that proves it: clients write it in several ways.
"""

import hashlib
import hmac
import json
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast, final
from urllib.parse import urlsplit

from hardpoint.core.secrets import Secret
from hardpoint.fakes.messages import Received
from hardpoint.http.sigv4 import SIGV4, UNSIGNED_PAYLOAD, SigV4Signer

SIGV4_PARAMETERS = frozenset(
    {
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-Signature",
        "X-Amz-SignedHeaders",
    }
)
"""What an address carries that proves itself."""
SKEW_SECONDS = 15 * 60
EXPIRES_SECONDS_MAX = 7 * 24 * 3600

_AUTHORIZATION = re.compile(
    rf"{SIGV4} +Credential=(?P<credential>[^, ]+), *SignedHeaders=(?P<names>[^, ]+), *"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)
_SIGNATURE = re.compile(r"(?:^|&)X-Amz-Signature=([0-9a-f]{64})(?=&|$)")
_DIGEST = "x-amz-content-sha256"
_UNCHECKED = frozenset({"policy", "x-amz-signature", "file"})


@final
class SigV4Doorkeeper:
    """Knows one access key of one region's service.

    Args:
        access_key_id: its id.
        secret: signs.
        region: where the service is.
        service: its name in signatures, `s3`.
        path_as_sent: see `SigV4Signer`.
        refuse: makes the vendor's refusal of a code and a status.
        now: Unix seconds.

    Raises (every method):
        Exception: what `refuse` made.
    """

    def __init__(
        self,
        access_key_id: str,
        secret: Secret,
        *,
        region: str,
        service: str,
        path_as_sent: bool,
        refuse: Callable[[str, int], Exception],
        now: Callable[[], float],
    ) -> None:
        self._access_key_id = access_key_id
        self._refuse = refuse
        self._now = now
        self._scope = re.compile(rf"[0-9]{{8}}/{region}/{service}/aws4_request")
        self._digest_is_sent = path_as_sent
        self._signer = SigV4Signer(
            access_key_id=access_key_id,
            secret_access_key=secret,
            session_token=None,
            region=region,
            service=service,
            path_as_sent=path_as_sent,
        )

    def check(self, request: Received) -> None:
        """Refuse a request that is not proven, by its header or its address."""
        query = dict(request.query())
        if "X-Amz-Signature" in query:
            self._check_address(request, query)
        else:
            self._check_header(request)

    def check_form(self, fields: Mapping[str, str], size: int, bucket: str) -> None:
        """Refuse a form that its policy does not allow, or whose policy is not proven.

        Args:
            fields: all but the file.
            size: of the file, in bytes.
            bucket: where it is posted to.
        """
        if fields.get("x-amz-algorithm") != SIGV4 or "policy" not in fields:
            raise self._refuse("AccessDenied", 403)
        self._check_credential(fields.get("x-amz-credential", ""))
        text = fields["policy"]
        self._compare(
            self._signer.seal(fields.get("x-amz-date", ""), text),
            fields.get("x-amz-signature", ""),
        )
        policy: dict[str, Any] = json.loads(b64decode(text))
        if datetime.fromisoformat(policy["expiration"]).timestamp() <= self._now():
            raise self._refuse("AccessDenied", 403)
        given = {**fields, "bucket": bucket}
        named: set[str] = set()
        for condition in policy["conditions"]:
            named |= self._held(condition, given, size)
        if set(given) - named - _UNCHECKED - {"bucket"}:
            raise self._refuse("AccessDenied", 403)  # a field that no condition allows

    def _check_header(self, request: Received) -> None:
        found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
        if found is None:
            raise self._refuse("AccessDenied", 403)
        self._check_credential(found["credential"])
        stamp = request.headers.get("x-amz-date", "")
        if abs(self._seconds(stamp) - self._now()) > SKEW_SECONDS:
            raise self._refuse("RequestTimeTooSkewed", 403)
        digest = hashlib.sha256(request.body).hexdigest()
        payload = request.headers.get(_DIGEST, "") if self._digest_is_sent else digest
        if payload not in {UNSIGNED_PAYLOAD, digest}:
            raise self._refuse("XAmzContentSHA256Mismatch", 400)
        expected = self._signature(
            request, stamp, found["names"], query=urlsplit(request.target).query, payload=payload
        )
        self._compare(expected, found["signature"])

    def _check_address(self, request: Received, query: Mapping[str, str]) -> None:
        if query.get("X-Amz-Algorithm") != SIGV4:
            raise self._refuse("AuthorizationQueryParametersError", 400)
        self._check_credential(query.get("X-Amz-Credential", ""))
        stamp, expires = query.get("X-Amz-Date", ""), query.get("X-Amz-Expires", "")
        if not expires.isdecimal() or not 1 <= int(expires) <= EXPIRES_SECONDS_MAX:
            raise self._refuse("AuthorizationQueryParametersError", 400)
        if not -SKEW_SECONDS <= self._now() - self._seconds(stamp) <= int(expires):
            raise self._refuse("AccessDenied", 403)  # not yet, or no more
        raw = urlsplit(request.target).query
        names = query.get("X-Amz-SignedHeaders", "")
        rest = _SIGNATURE.sub("", raw).lstrip("&")
        expected = self._signature(request, stamp, names, query=rest, payload=UNSIGNED_PAYLOAD)
        self._compare(expected, query["X-Amz-Signature"])

    def _check_credential(self, credential: str) -> None:
        access_key_id, _, scope = credential.partition("/")
        if access_key_id != self._access_key_id:
            raise self._refuse("InvalidAccessKeyId", 403)
        if not self._scope.fullmatch(scope):
            raise self._refuse("AuthorizationHeaderMalformed", 400)

    def _signature(
        self, request: Received, stamp: str, names: str, *, query: str, payload: str
    ) -> str:
        """What it should be, over the headers that are named."""
        signed = names.split(";")
        if "host" not in signed or any(name not in request.headers for name in signed):
            raise self._refuse("AccessDenied", 403)
        return self._signer.signature(
            stamp,
            method=request.method,
            path=urlsplit(request.target).path,
            query=query,
            headers={name: request.headers[name] for name in signed},
            payload=payload,
        )

    def _compare(self, expected: str, given: str) -> None:
        if not hmac.compare_digest(expected, given):
            raise self._refuse("SignatureDoesNotMatch", 403)

    def _held(self, condition: Any, given: Mapping[str, str], size: int) -> set[str]:
        """The fields that a condition is about, if it holds."""
        if not isinstance(condition, list):  # {name: value} is another way to write it
            pairs = cast("dict[str, str]", condition).items()
            held = [self._held(["eq", f"${name}", wanted], given, size) for name, wanted in pairs]
            return {field for fields in held for field in fields}
        kind, name, wanted = cast("list[Any]", condition)
        if kind == "content-length-range":
            if not int(name) <= size <= int(wanted):
                code = "EntityTooLarge" if size > int(wanted) else "EntityTooSmall"
                raise self._refuse(code, 400)
            return set()
        field = str(name).removeprefix("$").lower()
        value = given.get(field, "")
        if not (value.startswith(wanted) if kind == "starts-with" else value == wanted):
            raise self._refuse("AccessDenied", 403)
        return {field}

    def _seconds(self, stamp: str) -> float:
        try:
            return datetime.strptime(f"{stamp}+0000", "%Y%m%dT%H%M%SZ%z").timestamp()
        except ValueError:
            raise self._refuse("AccessDenied", 403) from None
