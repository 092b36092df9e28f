"""Signature Version 4 for any connection, whoever's service it is; see `hardpoint.http.sigv4`."""

from collections.abc import Callable, Sequence
from typing import final

from hardpoint.core.secrets import Secret
from hardpoint.http.messages import Request
from hardpoint.http.signing.signer import whole_body
from hardpoint.http.sigv4 import SigV4Signer


@final
class SigV4RequestSigner:
    """Signs for one region's service.

    Args:
        access_key_id: whose secret it is.
        secret: what signs.
        session_token: goes with temporary credentials.
        region: `eu-central-1`.
        service: its name in signatures, `execute-api`.
    """

    def __init__(
        self,
        access_key_id: str,
        secret: Secret,
        *,
        session_token: Secret | None = None,
        region: str,
        service: str,
    ) -> None:
        self._known = [one for one in (secret, session_token) if one is not None]
        self._signer = SigV4Signer(
            access_key_id=access_key_id,
            secret_access_key=secret,
            session_token=session_token,
            region=region,
            service=service,
        )

    def signed(
        self, request: Request, *, now: float, nonce: Callable[[], str]
    ) -> Sequence[tuple[str, str]]:
        """The header with the signature, and those it needs. Of the request's own none is signed.

        Whatever stands between may change them, and nothing but host and time has to be.
        """
        content = [(n, v) for n, v in request.headers if n.lower() == "content-type"]
        signed = self._signer.headers(
            request.method, request.url, content, whole_body(request), now=now
        )
        return signed[len(content) :]

    def secrets(self) -> Sequence[str]:
        """What signs, and the token beside it."""
        return [one.reveal() for one in self._known]
