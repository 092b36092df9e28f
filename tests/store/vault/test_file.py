import os
import sqlite3
import stat
import threading

import pytest
from tests.store.vault.test_rows import KEY, credential, row

from hardpoint.core.errors import StoreCorruptError, StoreUnavailableError
from hardpoint.core.events import Listeners
from hardpoint.store.events import VaultAvailable, VaultExposed
from hardpoint.store.vault import VaultFile


@pytest.fixture
def file(tmp_path):
    made = VaultFile(tmp_path / "vault.db")
    made.open()
    return made


def test_only_its_owner_may_read_it(file):
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    file.open()


@pytest.mark.parametrize("spool", [False, True])
def test_one_that_others_may_write_is_refused_and_one_that_they_may_read_is_told(
    file, tmp_path, spool
):
    path = file.path
    if spool:
        path = tmp_path / "vault.db.spool"
        path.mkdir(mode=0o700)
    told = []
    another = VaultFile(file.path, listeners=Listeners(told.append))
    another.open()
    assert told == []
    for mode in (0o777, 0o620, 0o602):
        path.chmod(mode)
        with pytest.raises(StoreUnavailableError, match="may be written by others: chmod go="):
            another.open()
    path.chmod(0o744)
    another.open()
    (event,) = told
    assert (type(event), event.path) == (VaultExposed, str(path))
    assert event.fix == f"chmod go= {path}"


def test_whatever_the_umask_says_only_its_owner_may_read_it(tmp_path):
    before = os.umask(0)
    try:
        made = VaultFile(tmp_path / "open.db")
        made.open()
    finally:
        os.umask(before)
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600


def test_it_has_a_rollback_journal_and_is_synced(file):
    with file._connected() as connection:
        asked = [
            connection.execute(f"pragma {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "secure_delete")
        ]
    assert asked == ["truncate", 2, 1]


def test_what_is_erased_is_overwritten(file):
    with file.transaction() as rows:
        rows.add_credential(KEY, credential(sealed=b"sealed-by-nobody" * 9))
    assert b"sealed-by-nobody" in file.path.read_bytes()
    with file.transaction() as rows:
        rows.drop_credentials(KEY, before=2)
    left = b"".join(one.read_bytes() for one in file.path.parent.iterdir())
    assert b"sealed-by-nobody" not in left


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
