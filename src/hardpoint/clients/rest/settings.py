"""What a configuration says of an API: where it is, how calls are proved, and what it answers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

from hardpoint.clients.rest.credentials import credentials
from hardpoint.core.errors import (
    AlreadyExistsError,
    AuthenticationError,
    ConfigurationError,
    ConflictError,
    DeclinedError,
    IdempotencyConflictError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    PreconditionFailedError,
    ProviderError,
    RateLimitedError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import Authorization
from hardpoint.http.errors import Entry, Known, Make, Problem
from hardpoint.http.limits import checked_base_url, checked_url
from hardpoint.http.quotas import RATE_HEADERS, RateHeaders
from hardpoint.http.signing.signer import checked_header
from hardpoint.http.wire.trust import Trust

KEY_CHARACTERS_MIN: Final = 32
_POINTERS: Final = ("code", "message")
_STATUS: Final = re.compile(r"[45]\d\d", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestSettings:
    """One account at an API.

    Args:
        base_url: what every path goes below, `https://api.crm.example/v2`.
        auth: how calls are proved: `bearer`, `basic`, `header`, `hmac`, `sigv4`, `rfc9421`,
            `oauth1`, `oauth`, `mtls` or `none`.
        key: the key, token or secret; `vault:NAME` for an account of the vault.
        user: who that belongs to: the user of `basic`, the key's id of the ways that sign.
        header: the header that carries the key, with `auth = "header"`.
        prefix: what stands before the key there, `Token `.
        signing: what the ways that sign have to be told, see `hardpoint.http.signing`.
        session_token: goes with temporary credentials of `sigv4`.
        token_secret: goes with the token of `oauth1`.
        certificate, certificate_key: files in PEM by which this side proves itself in TLS.
        authorities: a file of PEM certificates, believed in place of the system's.
        headers: sent with every call, such as a pinned version.
        hosts: where redirects may lead beside the API's own host; without credentials.
        idempotency_header: the header that carries an idempotency key, where the API honours one.
        key_length_max: the longest key that it takes.
        rate_headers: how its answers tell what is left of a limit: `auto`, `ietf`, `x-ratelimit`,
            `call-limit` or `none`.
        request_id: the header by which its answers name a request.
        error: JSON pointers to the `code` and the `message` of a refusal.
        errors: what its codes mean, `{ quota_exceeded = "rate_limited" }`; also by status and code,
            `"409 duplicate"`, or by status alone.
        body_bytes_max: the largest answer that is held in memory.

    Raises:
        ConfigurationError: naming what is wrong.
    """

    base_url: str
    auth: str = "bearer"
    key: Secret | Authorization | None = None
    user: str | None = None
    header: str | None = None
    prefix: str = ""
    signing: Mapping[str, Any] = field(default_factory=dict[str, Any])
    session_token: Secret | None = None
    token_secret: Secret | None = None
    certificate: Path | None = None
    certificate_key: Path | None = None
    authorities: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    hosts: tuple[str, ...] = ()
    idempotency_header: str | None = None
    key_length_max: int = 255
    rate_headers: str = "auto"
    request_id: str = "x-request-id"
    error: Mapping[str, str] = field(default_factory=dict[str, str])
    errors: Mapping[str, str] = field(default_factory=dict[str, str])
    body_bytes_max: int = 8 * 1024 * 1024

    def __post_init__(self) -> None:
        checked_base_url(checked_url(self.base_url, key="base_url"), {self.host})
        for one in self.hosts:
            checked_url(f"https://{one}/", key="hosts")
        for name in self.headers:
            checked_header(f"headers.{name}", name)
        if self.idempotency_header is not None:
            checked_header("idempotency_header", self.idempotency_header)
        if self.key_length_max < KEY_CHARACTERS_MIN:
            raise ConfigurationError(
                "key_length_max", f"is less than {KEY_CHARACTERS_MIN}", fix="Leave it out"
            )
        if self.rate_headers not in RATE_HEADERS:
            raise ConfigurationError(
                "rate_headers", "is no form of them", fix=f"One of {', '.join(RATE_HEADERS)}"
            )
        for name, pointer in self.error.items():
            if name not in _POINTERS or not pointer.startswith("/"):
                raise ConfigurationError(
                    f"error.{name}",
                    "is not a JSON pointer to a code or a message",
                    fix='Write error = { code = "/error/code", message = "/error/message" }',
                )
        if self.certificate is None and (self.certificate_key is not None or self.auth == "mtls"):
            raise ConfigurationError("certificate", "is missing", fix="Name a file in PEM")
        _ = self.known
        _ = credentials(self)

    @property
    def host(self) -> str:
        """Where it is, without a port: what the API is called in errors."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def rate_form(self) -> RateHeaders:
        """The same as `rate_headers`, checked."""
        return cast("RateHeaders", self.rate_headers)

    @property
    def trust(self) -> Trust | None:
        """What its transport's TLS stands on, where that is not the system's authorities alone."""
        if self.certificate is None and self.authorities is None:
            return None
        return Trust(
            authorities=self.authorities, certificate=self.certificate, key=self.certificate_key
        )

    @property
    def known(self) -> Mapping[Entry | str | int, Known]:
        """What its codes mean."""
        known: dict[Entry | str | int, Known] = {}
        for written, word in self.errors.items():
            made = _DECLINED if word == DeclinedError.code else _ERRORS.get(word)
            if made is None:
                names = ", ".join(sorted([*_ERRORS, DeclinedError.code]))
                raise ConfigurationError(f"errors.{written}", "is no error", fix=f"One of {names}")
            known[_entry(written)] = Known(made, "as the configuration has it", "")
        return known


def _declined(problem: Problem) -> ProviderError:
    return DeclinedError(
        f"declined: {problem.message}",
        reason=problem.code or "",
        status=problem.status,
        vendor_code=problem.code,
        request_id=problem.request_id,
    )


_DECLINED: Final[Make] = _declined
_ERRORS: Final[Mapping[str, type[ProviderError]]] = {
    kind.code: kind
    for kind in (
        AlreadyExistsError,
        AuthenticationError,
        ConflictError,
        IdempotencyConflictError,
        InvalidRequestError,
        NotFoundError,
        OutcomeUnknownError,
        PermissionDeniedError,
        PreconditionFailedError,
        RateLimitedError,
        UnavailableError,
        UnexpectedResponseError,
    )
}


def _entry(written: str) -> Entry | str | int:
    """`409`, `duplicate`, or both: `409 duplicate`."""
    status, _, code = written.partition(" ")
    if not _STATUS.fullmatch(status):
        return written
    return (int(status), code) if code else int(status)
