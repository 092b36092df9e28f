import base64
import os
from pathlib import Path

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.oauth.keyring import Keyring, new_key

RAW = "A" * 43 + "="


def test_the_first_key_of_a_file_wraps_and_all_unwrap(tmp_path: Path) -> None:
    file = tmp_path / "keyring"
    file.write_text(f"k2:{RAW}\nk1:{'B' * 43}=\n")
    file.chmod(0o600)
    ring = Keyring(Secret.file(file))
    assert ring.primary.id == "k2"
    assert list(ring.keys) == ["k2", "k1"]
    assert ring.get("k1").check != ring.get("k2").check


def test_a_key_in_the_url_safe_alphabet_is_a_key_too() -> None:
    raw = base64.urlsafe_b64encode(b"\xfb" * 32).decode()
    assert Keyring(Secret.value(f"k:{raw}")).primary.id == "k"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("k1", "entry 1 is not id:key"),
        (f"k1:{RAW} :{RAW}", "entry 2 is not id:key"),
        (f"k 1:{RAW}", "entry 1 is not id:key"),
        ("k1:c2hvcnQ=", "not 32 bytes"),
        ("k1:%%%", "not 32 bytes"),
        (f"k1:{RAW[:-1]}", "not 32 bytes"),
        (f"k1:{RAW}\nk1:{RAW}", "names k1 twice"),
        (" \n", "the secret is empty"),
    ],
)
def test_a_keyring_that_cannot_work_is_refused_at_the_start_and_not_repeated(
    text: str, problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem) as caught:
        Keyring(Secret("env:RING", lambda: text))
    assert caught.value.key == "vault.keyring"
    assert RAW not in str(caught.value)
    assert "c2hvcnQ" not in str(caught.value)


def test_a_missing_keyring_names_the_command_that_makes_one() -> None:
    with pytest.raises(ConfigurationError, match=r"not set.*hardpoint oauth new-key"):
        Keyring(Secret.env("HARDPOINT_NO_SUCH_KEYRING"))


def test_a_key_that_is_made_can_be_used() -> None:
    entry = new_key(1_700_000_000.0, os.urandom)
    assert entry.startswith("k20231114-")
    assert Keyring(Secret.value(entry)).primary.id == entry.partition(":")[0]


def test_a_key_that_came_later_is_found_and_one_that_never_came_is_missed() -> None:
    texts = [f"k1:{RAW}"]
    ring = Keyring(Secret("env:RING", lambda: "\n".join(texts)))
    texts.append(f"k2:{RAW}")
    assert ring.get("k2").id == "k2"
    with pytest.raises(ConfigurationError, match="lacks the key k3"):
        ring.get("k3")
