import sqlite3
import stat
import threading

import pytest

from hardpoint.core.errors import StoreCorruptError, StoreError, StoreUnavailableError
from hardpoint.core.events import Listeners
from hardpoint.store.events import VaultAvailable
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


def test_only_its_owner_may_read_it(file):
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    file.open()


def test_it_has_a_rollback_journal_and_is_synced(file):
    with file._connected() as connection:
        asked = [
            connection.execute(f"pragma {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "secure_delete")
        ]
    assert asked == ["truncate", 2, 1]


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

    with pytest.raises(StoreError, match="UNIQUE"):
        twice()
    with file.reading() as rows:
        assert rows.credential(KEY, 1) is None


def test_what_is_erased_is_overwritten(file):
    with file.transaction() as rows:
        rows.add_credential(KEY, credential(sealed=b"sealed-by-nobody" * 9))
    assert b"sealed-by-nobody" in file.path.read_bytes()
    with file.transaction() as rows:
        rows.drop_credentials(KEY, before=2)
    left = b"".join(one.read_bytes() for one in file.path.parent.iterdir())
    assert b"sealed-by-nobody" not in left


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


def test_trouble_with_the_file_is_told_once_until_it_is_written_again(tmp_path):
    told = []
    file = VaultFile(tmp_path / "vault.db", busy=0.0, listeners=Listeners(told.append))
    file.open()
    holder = sqlite3.connect(file.path, isolation_level=None)
    holder.execute("begin immediate")
    for _ in range(3):
        with pytest.raises(StoreUnavailableError), file.transaction():
            pass
    holder.rollback()
    holder.close()
    for _ in range(2):
        with file.transaction():
            pass
    file.path.unlink()
    with pytest.raises(StoreUnavailableError), file.reading():
        pass

    locked, again, gone = told
    assert "locked" in locked.reason
    assert (locked.severity, again) == ("error", VaultAvailable())
    assert "moved, deleted or replaced" in gone.reason


def test_a_lock_that_somebody_holds_is_waited_for_and_then_told(tmp_path):
    patient = VaultFile(tmp_path / "vault.db", busy=5.0)
    patient.open()
    hasty = VaultFile(tmp_path / "vault.db", busy=0.0)
    holder = sqlite3.connect(patient.path, isolation_level=None, check_same_thread=False)
    holder.execute("begin immediate")
    with pytest.raises(StoreUnavailableError), hasty.transaction():
        pass
    letting_go = threading.Timer(0.05, holder.rollback)
    letting_go.start()
    with patient.transaction() as rows:
        rows.save(row())
    letting_go.join()
    holder.close()


def test_a_file_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("create table orders (id)")
    other.close()
    with pytest.raises(StoreCorruptError, match="not a vault"):
        VaultFile(path).open()
    text = tmp_path / "text.db"
    text.write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreCorruptError, match="not a hardpoint store or is damaged"):
        VaultFile(text).open()


def test_a_vault_of_a_newer_version_is_left_alone(file):
    with file._connected() as connection:
        connection.execute("pragma user_version = 99")
    with pytest.raises(StoreCorruptError, match="newer hardpoint"):
        VaultFile(file.path).open()


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(StoreUnavailableError):
        VaultFile(tmp_path / "none" / "vault.db").open()
