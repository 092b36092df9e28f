"""Whom we believe: the system's authorities, or those we are told; and how we prove who we are.

The environment has no say. TLS 1.2 or later, names checked; none of it can be switched off.
"""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from os import PathLike
from pathlib import Path
from typing import final

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret

_HTTP = ("http/1.1",)
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # macOS, Alpine, BSD
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What a transport's TLS stands on, where that is not the system's authorities alone.

    Attributes:
        authorities: a file of PEM certificates, believed in place of the system's.
        certificate: a file in PEM, ours, followed by those between it and its authority.
        key: the file of its private key, unless the key is in `certificate`.
        password: of the key.
    """

    authorities: str | PathLike[str] | None = None
    certificate: str | PathLike[str] | None = None
    key: str | PathLike[str] | None = None
    password: Secret | None = None


def context_of(tls: Trust | None, *, alpn: Sequence[str] = _HTTP) -> ssl.SSLContext:
    """The context that a transport's connections are made with. It takes some 30 ms.

    Args:
        tls: whom to believe; None for the system's authorities, in a context that is shared.
        alpn: what is spoken, where not HTTP and `tls` is given.

    Raises:
        ConfigurationError: a file cannot be read or used.
    """
    if tls is None:
        return _system()
    context = _context(alpn)
    if tls.authorities is None:
        _believe_system(context)
    else:
        _loaded("tls.authorities", lambda: context.load_verify_locations(tls.authorities))
    certificate = tls.certificate
    if certificate is not None:
        password = None if tls.password is None else tls.password.reveal()
        _loaded(
            "tls.certificate",  # without a password OpenSSL would ask on the terminal
            lambda: context.load_cert_chain(certificate, tls.key, password or _NO_PASSWORD),
        )
    return context


def checked(context: ssl.SSLContext) -> ssl.SSLContext:
    """A context of somebody else's, if it is as strict as ours.

    Raises:
        ConfigurationError: it is not, or it checks certificates outside of OpenSSL's handshake, as
            `truststore.SSLContext` does: that we make step by step, where it would check nothing.
    """
    if type(context).wrap_socket is not ssl.SSLContext.wrap_socket:
        kind = f"{type(context).__module__}.{type(context).__qualname__}"
        raise ConfigurationError(
            "tls",
            f"is a {kind}, which checks in its own way",
            fix="Leave it out for the system's authorities, or give Trust(authorities=...)",
        )
    if context.verify_mode is not ssl.CERT_REQUIRED or not context.check_hostname:
        raise ConfigurationError(
            "tls", "does not verify certificates and names", fix="Name the authority to trust"
        )
    if context.minimum_version < ssl.TLSVersion.TLSv1_2:
        raise ConfigurationError("tls", "allows versions before TLS 1.2")
    return context


_NO_PASSWORD = "-"  # noqa: S105 - for keys without one: OpenSSL would ask a terminal


@cache
def _system() -> ssl.SSLContext:
    context = _context(_HTTP)
    _believe_system(context)
    return context


def _context(alpn: Sequence[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # TLS 1.2 has it, and nothing here needs it
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def _believe_system(context: ssl.SSLContext) -> None:
    """Where OpenSSL was built to look, or else where systems keep their bundle."""
    paths = ssl.get_default_verify_paths()
    for file in (paths.openssl_cafile, *_BUNDLES):
        if Path(file).is_file():
            context.load_verify_locations(file)
            return
    if Path(paths.openssl_capath).is_dir():
        context.load_verify_locations(capath=paths.openssl_capath)
        return
    raise ConfigurationError(
        "tls.authorities", "this system has none", fix="Install ca-certificates, or name a file"
    )


def _loaded(key: str, load: Callable[[], None]) -> None:
    try:
        load()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigurationError(key, f"cannot be used ({reason})") from error
