"""Keys that come in certificates, which a vendor publishes for its signatures: RSA with SHA-256.

A certificate is believed while it is valid, if it is for a name below the vendor's domain and its
chain ends at an authority that TLS believes too.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final, final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.verification import PolicyBuilder, Store

from hardpoint.http.wire.trust import Trust, context_of

CHAIN_MAX: Final = 8
"""How many certificates of a document are looked at."""
RSA_US: Final = 40.0
"""About what one check costs; see `Scheme.refusal_us`."""

_FOR_EVER: Final = float("inf")


@final
class RsaKey:
    """A public key with the time in which it counts, and its private half where we have it.

    Args:
        public: PKCS #1 v1.5 with SHA-256 is all that it is used for.
        private: its private half.
        since: Unix seconds from which it counts.
        until: and up to which.
    """

    __slots__ = ("_private", "_public", "_since", "_until")

    def __init__(
        self,
        public: RSAPublicKey,
        private: RSAPrivateKey | None = None,
        *,
        since: float = -_FOR_EVER,
        until: float = _FOR_EVER,
    ) -> None:
        self._public = public
        self._private = private
        self._since = since
        self._until = until

    def valid(self, now: float) -> bool:
        """Whether it counts at a time."""
        return self._since <= now <= self._until

    def made(self, signature: bytes, message: bytes) -> bool:
        """Whether it made this signature."""
        try:
            self._public.verify(signature, message, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True

    def sign(self, message: bytes) -> bytes | None:
        """The signature; None where there is no private half."""
        return None if self._private is None else self._private.sign(message, PKCS1v15(), SHA256())


def believed(
    document: bytes, *, domain: str, now: float, authorities: Path | None = None
) -> RsaKey:
    """The key of the first certificate of a document in PEM; the others lead to an authority.

    Args:
        document: as it was fetched.
        domain: what the certificate has to be for: a name below it.
        now: Unix seconds.
        authorities: a file in PEM, believed in place of the system's.

    Raises:
        ValueError: it is no certificate, or none that is to be believed.
        ConfigurationError: the authorities cannot be read.
    """
    chain = x509.load_pem_x509_certificates(document)[:CHAIN_MAX]
    leaf = chain[0]
    public = leaf.public_key()
    if not isinstance(public, RSAPublicKey):
        raise ValueError("the certificate has no RSA key")  # noqa: TRY004 - a document, no argument
    policy = PolicyBuilder().store(_store(authorities)).time(datetime.fromtimestamp(now, UTC))
    name = _name_below(leaf, domain)
    try:
        policy.build_server_verifier(x509.DNSName(name)).verify(leaf, chain[1:])
    except x509.verification.VerificationError as problem:
        raise ValueError(f"the certificate is not to be believed: {problem}") from problem
    return RsaKey(
        public,
        since=leaf.not_valid_before_utc.timestamp(),
        until=leaf.not_valid_after_utc.timestamp(),
    )


def _store(authorities: Path | None) -> Store:
    """Whom we believe. Some systems still have one with the serial number 0, which is none."""
    context = context_of(None if authorities is None else Trust(authorities=authorities))
    known = zip(context.get_ca_certs(), context.get_ca_certs(binary_form=True), strict=True)
    return Store(
        [
            x509.load_der_x509_certificate(document)
            for facts, document in known
            if int(str(facts["serialNumber"]), 16) > 0
        ]
    )


def _name_below(leaf: x509.Certificate, domain: str) -> str:
    """The first of its names below the domain, whole; what it says outside of them is not read."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise ValueError("the certificate is for no name") from None
    for name in names.get_values_for_type(x509.DNSName):
        if name.lower().endswith(f".{domain}") and "*" not in name:
            return name
    raise ValueError(f"the certificate is for no name below {domain}")
