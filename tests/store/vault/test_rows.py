"""What the vault's rows do, whatever keeps them."""

import pytest

from hardpoint.core.errors import StoreError
from hardpoint.store.vault import ClientRow, ConnectionRow, CredentialRow, SlotKey, VaultFile

KEY = SlotKey("t", "c")


def row(**facts):
    return ConnectionRow(
        **{
            "tenant": "t",
            "name": "c",
            "slot": "main",
            "kind": "oauth",
            "client": "acme",
            "account": None,
            "state": "active",
            "reason": None,
            "state_since": 0.0,
            "version": 1,
            "scope": None,
            "issued_at": 0.0,
            "expires_at": None,
            "refresh_expires_at": None,
            "refreshable": 1,
            "created_at": 0.0,
            **facts,
        }
    )


def credential(version=1, sealed=b"s"):
    return CredentialRow(version=version, key_id="k1", wrapped=b"w", sealed=sealed, created_at=1.0)


@pytest.fixture
def file(tmp_path):
    made = VaultFile(tmp_path / "vault.db")
    made.open()
    return made


def test_a_row_comes_back_as_it_was(file):
    full = row(
        account="A",
        reason="why",
        scope="a b",
        expires_at=1.5,
        refresh_expires_at=2.5,
        lease_owner="me",
        lease_until=3.5,
        attempt_at=4.5,
        failures=2,
        retry_at=5.5,
        rejected=1,
    )
    with file.transaction() as rows:
        rows.save(row())
        rows.save(full)
        rows.save(row(tenant="u"))
    with file.reading() as rows:
        assert rows.connection(KEY) == full
        assert rows.connection(SlotKey("t", "none")) is None
        assert rows.connections("t") == (full,)
        assert len(rows.connections(None)) == 2


def test_credentials_are_kept_by_version(file):
    with file.transaction() as rows:
        for version in (1, 2, 3):
            rows.add_credential(KEY, credential(version))
        rows.drop_credentials(KEY, before=2)
        assert rows.credential(KEY, 1) is None
        assert rows.credential(KEY, 3) == credential(3)
        found = rows.wrapped_otherwise("k2", 9)
        assert [(key, one.version) for key, one in found] == [(KEY, 2), (KEY, 3)]
        rows.rewrap(KEY, 2, "k2", b"x")
        assert rows.keys_in_use() == {"k1", "k2"}


def test_nothing_is_left_of_a_transaction_that_failed(file):
    def twice():
        with file.transaction() as rows:
            rows.add_credential(KEY, credential())
            rows.add_credential(KEY, credential())

    with pytest.raises(StoreError, match=r"(?i)unique"):
        twice()
    with file.reading() as rows:
        assert rows.credential(KEY, 1) is None


def test_a_client_is_refused_until_it_is_accepted(file):
    refused = ClientRow(name="acme", refused_at=1.0, retry_at=2.0, reason="invalid_client")
    with file.transaction() as rows:
        assert rows.client("acme") is None
        rows.refuse_client(refused)
        rows.refuse_client(ClientRow(name="acme", refused_at=5.0, retry_at=6.0, reason="other"))
        assert rows.client("acme") == ClientRow(
            name="acme", refused_at=1.0, retry_at=6.0, reason="other"
        )
        assert rows.accept_client("acme")
        assert not rows.accept_client("acme")


def test_the_first_meaning_of_a_keys_id_stays_while_it_is_used(file):
    with file.transaction() as rows:
        assert rows.key_check("k1", b"one") == b"one"
        assert rows.key_check("k1", b"two") == b"one"
        rows.drop_keys()
        assert rows.key_check("k1", b"two") == b"two"
