"""Keys in certificates: whom they are believed to be of, and until when."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hardpoint.core.errors import ConfigurationError
from hardpoint.webhooks.certificates import RsaKey, believed

NOW = 1_700_000_000.0
NAME = "messages.vendor.example"
KEY = rsa.generate_private_key(65537, 2048)
OTHER = rsa.generate_private_key(65537, 2048)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject, issuer, *, key, by, authority=False, names=(), days=(-10, 10), usage=None):
    at = datetime.fromtimestamp(NOW, UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at + timedelta(days=days[0]))
        .not_valid_after(at + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False
        )
    )
    if authority:
        usages = dict.fromkeys(
            (
                *("digital_signature", "content_commitment", "key_encipherment"),
                *("data_encipherment", "key_agreement", "encipher_only", "decipher_only"),
            ),
            False,
        )
        made = made.add_extension(
            x509.KeyUsage(**usages, key_cert_sign=True, crl_sign=True), critical=True
        )
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        made = made.add_extension(identifier, critical=False)
    if names:
        known = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
        made = made.add_extension(known, critical=False)
    if usage is not None:
        made = made.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return made.sign(by, SHA256())


ROOT = certificate("Root", "Root", key=OTHER, by=OTHER, authority=True, days=(-900, 900))


def leaf(*, key=KEY, by=OTHER, issuer="Root", names=(NAME,), **facts):
    usage = facts.pop("usage", ExtendedKeyUsageOID.SERVER_AUTH)
    return certificate(NAME, issuer, key=key, by=by, names=names, usage=usage, **facts)


def pem(*certificates):
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    path = tmp_path_factory.mktemp("roots") / "roots.pem"
    path.write_bytes(pem(ROOT))
    return path


def read(document, roots, now=NOW):
    return believed(document, domain="vendor.example", now=now, authorities=roots)


def test_a_key_whose_chain_ends_at_an_authority_is_believed_while_it_is_valid(roots):
    key = read(pem(leaf()), roots)
    signature = RsaKey(KEY.public_key(), KEY).sign(b"message")
    assert key.made(signature, b"message")
    assert not key.made(signature, b"another")
    assert key.sign(b"message") is None
    assert key.valid(NOW)
    assert not key.valid(NOW - 11 * 86_400)
    assert not key.valid(NOW + 11 * 86_400)


def test_those_in_between_stand_in_the_document(roots):
    middle = rsa.generate_private_key(65537, 2048)
    between = certificate("Between", "Root", key=middle, by=OTHER, authority=True)
    last = leaf(by=middle, issuer="Between")
    assert read(pem(last, between), roots)
    with pytest.raises(ValueError, match="not to be believed"):
        read(pem(last), roots)


STRANGER = rsa.generate_private_key(65537, 2048)
REFUSED = {
    "nothing": (b"", "PEM"),
    "no certificate": (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "."),
    "signed by itself": (pem(leaf(by=KEY, issuer=NAME)), "not to be believed"),
    "signed by a stranger who says he is the root": (pem(leaf(by=STRANGER)), "not to be believed"),
    "over": (pem(leaf(days=(-20, -1))), "not to be believed"),
    "not yet": (pem(leaf(days=(1, 20))), "not to be believed"),
    "of another domain": (pem(leaf(names=["vendor.example.evil"])), "no name below"),
    "of a domain that ends alike": (pem(leaf(names=["evilvendor.example"])), "no name below"),
    "of every name": (pem(leaf(names=["*.vendor.example"])), "no name below"),
    "of no name but its common one": (pem(leaf(names=())), "for no name"),
    "for something else": (
        pem(leaf(usage=ExtendedKeyUsageOID.CODE_SIGNING)),
        "not to be believed",
    ),
    "of another kind": (pem(leaf(key=ec.generate_private_key(ec.SECP256R1()))), "no RSA key"),
    "signed by another's leaf": (
        pem(leaf(by=STRANGER, issuer="messages.other.example"), leaf(key=STRANGER)),
        "not to be believed",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_whoever_is_not_the_vendor_is_not_believed(roots, kind):
    document, problem = REFUSED[kind]
    with pytest.raises(ValueError, match=problem):
        read(document, roots)


def test_the_systems_authorities_do_not_know_ours():
    with pytest.raises(ValueError, match="not to be believed"):
        read(pem(leaf(), ROOT), None)


def test_authorities_that_are_not_there_are_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"tls\.authorities"):
        read(pem(leaf()), tmp_path / "none.pem")
