"""Signature Version 4: requests, URLs and forms.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html, read 2026-11-28.

Several vendors take it, and each of its services: the names in it are the algorithm's own.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, final
from urllib.parse import quote, urlencode, urlsplit

from hardpoint.core.secrets import Secret

SIGV4 = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"


@final
class SigV4Signer:
    """Signs for one region's service; secrets are read at each use, so that they can rotate.

    Args:
        access_key_id: whose secret it is.
        secret_access_key: what signs; it is never sent.
        session_token: goes with temporary credentials.
        region: where the service is, `eu-central-1`.
        service: its name in signatures, `s3`.
        path_as_sent: S3 signs the path as it is sent, dots and double slashes kept, and wants the
            body's digest among the headers. All other services sign the path encoded once more.
    """

    __slots__ = (
        "_access_key_id",
        "_path_as_sent",
        "_region",
        "_secret",
        "_service",
        "_session_token",
    )

    def __init__(
        self,
        *,
        access_key_id: str,
        secret_access_key: Secret,
        session_token: Secret | None,
        region: str,
        service: str,
        path_as_sent: bool = False,
    ) -> None:
        self._access_key_id = access_key_id
        self._secret = secret_access_key
        self._session_token = session_token
        self._region = region
        self._service = service
        self._path_as_sent = path_as_sent

    def headers(
        self,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        *,
        now: float,
    ) -> tuple[tuple[str, str], ...]:
        """A request's headers with those that prove who sends it; all are signed.

        Args:
            method: `PUT`.
            url: as it is sent.
            headers: in small letters, each name once.
            body: the bytes.
            now: Unix seconds; the vendor allows 15 minutes of difference.
        """
        stamp = _stamp(now)
        digest = hashlib.sha256(body).hexdigest()
        signed = [*headers, ("x-amz-date", stamp)]
        if self._path_as_sent:
            signed.append(("x-amz-content-sha256", digest))
        if self._session_token is not None:
            signed.append(("x-amz-security-token", self._session_token.reveal()))
        parts = urlsplit(url)
        named = {"host": parts.netloc, **dict(signed)}
        signature = self.signature(
            stamp,
            method=method,
            path=parts.path,
            query=parts.query,
            headers=named,
            payload=digest,
        )
        authorization = (
            f"{SIGV4} Credential={self._access_key_id}/{self._scope(stamp)},"
            f"SignedHeaders={_names(named)},Signature={signature}"
        )
        return (*signed, ("authorization", authorization))

    def url(
        self,
        method: str,
        url: str,
        *,
        now: float,
        expires: int,
        headers: Mapping[str, str],
        query: Sequence[tuple[str, str]] = (),
    ) -> str:
        """A URL that carries its signature; whoever uses it must send these headers."""
        stamp = _stamp(now)
        parts = urlsplit(url)
        named = {"host": parts.netloc, **headers}
        pairs = [
            ("X-Amz-Algorithm", SIGV4),
            ("X-Amz-Credential", f"{self._access_key_id}/{self._scope(stamp)}"),
            ("X-Amz-Date", stamp),
            ("X-Amz-Expires", str(expires)),
            ("X-Amz-SignedHeaders", _names(named)),
        ]
        if self._session_token is not None:
            pairs.append(("X-Amz-Security-Token", self._session_token.reveal()))
        pairs += query
        encoded = urlencode(pairs, quote_via=quote, safe="")
        signature = self.signature(
            stamp,
            method=method,
            path=parts.path,
            query=encoded,
            headers=named,
            payload=UNSIGNED_PAYLOAD,
        )
        return f"{url}?{encoded}&X-Amz-Signature={signature}"

    def post(
        self,
        fields: Mapping[str, str],
        conditions: Sequence[Any],
        *,
        now: float,
        expires: int,
    ) -> dict[str, str]:
        """The fields of a form that may be posted, with those that prove who allowed it."""
        stamp = _stamp(now)
        own = {
            "x-amz-algorithm": SIGV4,
            "x-amz-credential": f"{self._access_key_id}/{self._scope(stamp)}",
            "x-amz-date": stamp,
        }
        if self._session_token is not None:
            own["x-amz-security-token"] = self._session_token.reveal()
        until = datetime.fromtimestamp(int(now) + expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        document = {
            "expiration": until,
            "conditions": [*conditions, *({name: value} for name, value in own.items())],
        }
        import json  # forms are signed by few

        policy = base64.b64encode(json.dumps(document).encode()).decode("ascii")
        return {**fields, **own, "policy": policy, "x-amz-signature": self.seal(stamp, policy)}

    def signature(
        self,
        stamp: str,
        *,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        payload: str,
    ) -> str:
        """What proves a request, of which each part is given as it is sent.

        Args:
            stamp: when, `20261128T120000Z`.
            method: `PUT`.
            path: encoded, as it is sent.
            query: encoded, without a signature.
            headers: those that are signed, by their names in small letters.
            payload: the digest of the body, or what stands in its place.
        """
        if not self._path_as_sent:
            path = quote(path, safe="/-_.~")
        canonical = _canonical(method, path, query, headers, payload)
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        return self.seal(stamp, f"{SIGV4}\n{stamp}\n{self._scope(stamp)}\n{digest}")

    def seal(self, stamp: str, text: str) -> str:
        """The signature of a text on that day."""
        return hmac.new(self._key(stamp), text.encode(), hashlib.sha256).hexdigest()

    def secrets(self) -> tuple[str, ...]:
        """What must not be shown if the vendor quotes it."""
        known = (self._secret, self._session_token)
        return tuple(one.reveal() for one in known if one is not None)

    def _scope(self, stamp: str) -> str:
        return f"{stamp[:8]}/{self._region}/{self._service}/aws4_request"

    def _key(self, stamp: str) -> bytes:
        key = f"AWS4{self._secret.reveal()}".encode()
        for part in (stamp[:8], self._region, self._service, "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key


def _canonical(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    payload: str,
) -> str:
    """The request as both sides write it before they sign."""
    parted = [one.partition("=") for one in query.split("&") if one]
    pairs = "&".join(f"{name}={value}" for name, _, value in sorted(parted))
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers))
    return f"{method}\n{path or '/'}\n{pairs}\n{lines}\n{_names(headers)}\n{payload}"


def _names(headers: Mapping[str, str]) -> str:
    return ";".join(sorted(headers))


def _stamp(now: float) -> str:
    return datetime.fromtimestamp(int(now), UTC).strftime("%Y%m%dT%H%M%SZ")
