"""What operators do wrong with a keyring: nothing is lost, and each mistake is named."""

from pathlib import Path

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.oauth.keyring import Keyring
from hardpoint.oauth.vault import Vault
from hardpoint.runtime.blocking import run
from hardpoint.runtime.work import BlockingWork

K1, K2, K3 = (f"k{number}:{letter * 43}=" for number, letter in ((1, "A"), (2, "B"), (3, "C")))
OTHER = f"k1:{'D' * 43}="


class Ring:
    """The keyring's file, and processes that have read it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "ring"
        self.path = folder / "vault.db"

    def write(self, *keys: str) -> None:
        self.file.write_text("\n".join(keys))
        self.file.chmod(0o600)

    def process(self) -> Vault:
        secret = Secret.file(self.file)
        return Vault(self.path, Keyring(secret), work=BlockingWork())

    def started(self) -> Vault:
        vault = self.process()
        run(vault.open())
        return vault


@pytest.fixture
def ring(tmp_path: Path) -> Ring:
    made = Ring(tmp_path)
    made.write(K1)
    run(made.started().put_key("c", Secret.value("canary-key")))
    return made


def read(vault: Vault) -> str:
    return run(vault.access_token("c")).reveal()


def test_a_new_key_that_was_put_last_wraps_nothing_and_is_said_to_be_idle(ring) -> None:
    ring.write(K1, K2)
    vault = ring.started()
    done = run(vault.rotate_key())
    assert (done.primary, done.rewrapped, done.idle) == ("k1", 0, ("k2",))
    assert read(vault) == "canary-key"


def test_an_old_key_that_was_taken_out_too_soon_is_asked_back(ring) -> None:
    ring.write(K2)
    with pytest.raises(ConfigurationError, match=r"vault\.keyring: lacks the key k1"):
        ring.started()
    ring.write(K2, K1)
    vault = ring.started()
    run(vault.rotate_key())
    ring.write(K2)
    assert read(ring.started()) == "canary-key"


def test_another_key_under_an_id_that_is_known_is_refused_before_anything_is_written(ring) -> None:
    for keys in ((OTHER,), (OTHER, K2), (K2, OTHER)):
        ring.write(*keys)
        with pytest.raises(ConfigurationError, match="has another key under the id k1"):
            ring.started()
    ring.write(K1)
    assert read(ring.started()) == "canary-key"


def test_a_process_that_was_started_before_a_rotation_reads_and_writes_with_the_new_key(ring):
    reader, writer = ring.started(), ring.started()
    ring.write(K2, K1)
    run(ring.started().rotate_key())
    assert read(reader) == "canary-key"
    ring.write(K2)
    run(writer.put_key("c", Secret.value("canary-second")))
    assert read(ring.started()) == "canary-second", "nothing is wrapped with what was taken out"
    assert read(writer) == "canary-second"


def test_a_keyring_that_is_spoiled_while_somebody_runs_changes_nothing_for_them(ring) -> None:
    vault = ring.started()
    for spoiled in ((), ("nonsense",), (OTHER,), (K2, OTHER)):
        ring.write(*spoiled)
        run(vault.put_key("c", Secret.value("canary-again")))
        assert read(vault) == "canary-again"
    ring.write(K1)
    assert read(ring.started()) == "canary-again"


def test_a_keyring_of_another_deployment_opens_nothing_and_harms_nothing(ring) -> None:
    ring.write(K3)
    with pytest.raises(ConfigurationError, match="lacks the key k1"):
        ring.started()
    ring.write(K1)
    vault = ring.started()
    ring.file.write_text("")
    assert read(vault) == "canary-key", "what runs, goes on"
    with pytest.raises(ConfigurationError, match=r"vault\.keyring"):
        ring.process()


def test_a_keyring_that_others_may_write_is_no_keyring(ring) -> None:
    ring.file.chmod(0o620)
    with pytest.raises(ConfigurationError, match="others may write it"):
        ring.process()


def test_a_keyring_and_a_vault_of_two_backups_are_told_apart(ring, tmp_path) -> None:
    """The vault was restored from before the rotation, the keyring was not."""
    before = ring.path.read_bytes()
    ring.write(K2, K1)
    run(ring.started().rotate_key())
    ring.write(K2)
    assert read(ring.started()) == "canary-key"
    ring.path.write_bytes(before)
    with pytest.raises(ConfigurationError, match="lacks the key k1"):
        ring.started()
