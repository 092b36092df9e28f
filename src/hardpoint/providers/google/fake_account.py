"""The service account of the fake: it gives tokens for what its key has signed, and checks both."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast, final
from urllib.parse import parse_qsl, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from hardpoint.fakes.messages import FakeReply, Received
from hardpoint.providers.google.fake_bucket import BlobRefusedError

EMAIL = "shop@fake-project.iam.gserviceaccount.com"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_SECONDS = 3600

_SIGNATURE = re.compile(r"&X-Goog-Signature=([0-9a-f]+)\Z")
_UNCHECKED = frozenset({"policy", "x-goog-signature", "file"})


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@final
class FakeAccount:
    """One account, its tokens and its signatures.

    Args:
        now: Unix seconds.

    Raises (every check):
        BlobRefusedError: it is not proved.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._tokens: dict[str, float] = {}
        text = _key().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self.document = json.dumps(
            {
                "type": "service_account",
                "project_id": "fake-project",
                "private_key_id": "1",
                "private_key": text.decode(),
                "client_email": EMAIL,
                "token_uri": "https://oauth2.googleapis.com/token",
            }
        )
        """What a service account's key is downloaded as."""

    def token(self, request: Received) -> FakeReply:
        """A token, for an assertion that the account's key has signed."""
        form = dict(parse_qsl(request.body.decode()))
        head, _, signature = form.get("assertion", "").rpartition(".")
        claims = json.loads(_decoded(head.partition(".")[2]) or b"{}")
        proved = self._proved(_decoded(signature), head.encode())
        known = form.get("grant_type") == GRANT and claims.get("iss") == EMAIL
        if not (proved and known and claims["iat"] <= self._now() + 300 < claims["exp"] + 600):
            return FakeReply.json({"error": "invalid_grant"}, 400)
        token = f"ya29.fake-{len(self._tokens) + 1}"
        self._tokens[token] = self._now() + TOKEN_SECONDS
        return FakeReply.json(
            {"access_token": token, "expires_in": TOKEN_SECONDS, "token_type": "Bearer"}
        )

    def check(self, request: Received) -> None:
        """See that it bears a token that is good."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not token:
            raise BlobRefusedError("required", 401)
        if self._tokens.get(token, 0.0) <= self._now():
            raise BlobRefusedError("authError", 401)

    def expire(self) -> None:
        """No token is good any more."""
        self._tokens = dict.fromkeys(self._tokens, 0.0)

    def check_url(self, request: Received) -> dict[str, str]:
        """What a signed URL says, if it is signed and still good."""
        parts = urlsplit(request.target)
        found = _SIGNATURE.search(parts.query)
        said = dict(request.query())
        names = said.get("X-Goog-SignedHeaders", "").split(";")
        if found is None or "host" not in names or set(names) - request.headers.keys():
            raise BlobRefusedError("forbidden", 403)
        query = parts.query[: found.start()]
        lines = "".join(f"{name}:{request.headers[name]}\n" for name in names)
        canonical = "\n".join(
            [request.method, parts.path, query, lines, ";".join(names), "UNSIGNED-PAYLOAD"]
        )
        scope = said["X-Goog-Credential"].partition("/")[2]
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"GOOG4-RSA-SHA256\n{said['X-Goog-Date']}\n{scope}\n{digest}"
        if not self._proved(bytes.fromhex(found[1]), text.encode()):
            raise BlobRefusedError("forbidden", 403)
        begun = datetime.strptime(said["X-Goog-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if self._now() > begun.timestamp() + int(said["X-Goog-Expires"]):
            raise BlobRefusedError("forbidden", 400)
        return said

    def check_form(self, fields: Mapping[str, str], size: int, bucket: str) -> None:
        """See that a form's policy is signed, still good, and allows what it holds."""
        policy = fields.get("policy", "")
        signature = bytes.fromhex(fields.get("x-goog-signature", ""))
        if not self._proved(signature, policy.encode()):
            raise BlobRefusedError("forbidden", 403)
        document = json.loads(base64.b64decode(policy))
        if datetime.fromisoformat(document["expiration"]).timestamp() < self._now():
            raise BlobRefusedError("forbidden", 400)
        given: dict[str, Any] = {"bucket": bucket, **fields}
        allowed: set[str] = set()
        for one in document["conditions"]:
            if isinstance(one, list):
                least, most = cast("list[int]", one[1:])
                if not least <= size <= most:
                    raise BlobRefusedError("invalid", 400)
                continue
            for name, value in one.items():
                allowed.add(name.lower())
                if given.get(name.lower()) != value:
                    raise BlobRefusedError("forbidden", 403)
        if fields.keys() - allowed - _UNCHECKED:
            raise BlobRefusedError("forbidden", 403)

    def _proved(self, signature: bytes, text: bytes) -> bool:
        try:
            _key().public_key().verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
