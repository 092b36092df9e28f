"""What a fresh token costs, and sealing beside the bare cipher; the best batch of each counts."""

import os
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hardpoint.core.secrets import Secret
from hardpoint.oauth.keyring import Keyring
from hardpoint.oauth.sealing import Envelope, SlotPlace
from hardpoint.oauth.vault import Vault
from hardpoint.runtime.blocking import run
from hardpoint.runtime.work import BlockingWork

KEYRING = "k1:" + "A" * 43 + "="
PLAIN = os.urandom(1500)
PLACE = SlotPlace("tenant-1", "connection-1", "main", 7)
BATCH = 2000
LOOKUP_US = 5.0
SEAL_RATIO = OPEN_RATIO = 2.0


def rows():
    """Name to a call. A bare call makes the key's cipher and uses it once; the nonce goes ahead."""
    key, bound = os.urandom(32), b"tenant-1/connection-1/main/7"
    envelope = Envelope(Keyring(Secret.value(KEYRING)))
    sealed = envelope.seal(PLAIN, PLACE)
    nonce = os.urandom(12)
    bare = nonce + AESGCM(key).encrypt(nonce, PLAIN, bound)

    def encrypt():
        drawn = os.urandom(12)
        return drawn + AESGCM(key).encrypt(drawn, PLAIN, bound)

    return {
        "bare AES-256-GCM, encrypt": encrypt,
        "seal": lambda: envelope.seal(PLAIN, PLACE),
        "bare AES-256-GCM, decrypt": lambda: AESGCM(key).decrypt(bare[:12], bare[12:], bound),
        "open": lambda: envelope.open(sealed, PLACE),
    }


def measured(rounds=15):
    """Micro-seconds of CPU for each row, the best of some batches."""
    with tempfile.TemporaryDirectory() as folder:
        vault = Vault(
            Path(folder) / "vault.db", Keyring(Secret.value(KEYRING)), work=BlockingWork()
        )
        run(vault.open())
        run(vault.put_key("k", Secret.value("key")))

        async def lookups():
            for _ in range(BATCH):
                await vault.access_token("k")

        calls = rows()
        best = dict.fromkeys((*calls, "fresh token"), float("inf"))
        for _ in range(rounds):
            for name, call in calls.items():
                began = time.process_time()
                for _ in range(BATCH):
                    call()
                best[name] = min(best[name], (time.process_time() - began) / BATCH * 1e6)
            began = time.process_time()
            run(lookups())
            spent = (time.process_time() - began) / BATCH * 1e6
            best["fresh token"] = min(best["fresh token"], spent)
        run(vault.close())
    return best


def missed(best):
    """The targets that were missed, in words."""
    seal = best["seal"] / best["bare AES-256-GCM, encrypt"]
    opened = best["open"] / best["bare AES-256-GCM, decrypt"]
    found = []
    if best["fresh token"] > LOOKUP_US:
        found.append(f"a fresh token costs {best['fresh token']:.2f} us, more than {LOOKUP_US}")
    if seal > SEAL_RATIO:
        found.append(f"seal costs {seal:.2f} times the bare cipher, more than {SEAL_RATIO}")
    if opened > OPEN_RATIO:
        found.append(f"open costs {opened:.2f} times the bare cipher, more than {OPEN_RATIO}")
    return found
