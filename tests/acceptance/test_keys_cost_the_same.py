"""What a key costs that is not taken: the same, whatever is wrong with it."""

from functools import partial

import pytest
from tests.acceptance.test_cost_before_trust import FACTOR, SLACK_SECONDS, cost

from hardpoint.api_keys import ApiKeys, UnauthenticatedError
from hardpoint.api_keys.writing import hash_of, new_key
from hardpoint.runtime.blocking import run
from hardpoint.runtime.work import BlockingWork
from hardpoint.store.vault import VaultFile
from hardpoint.testing import ManualClock


def test_forged_expired_revoked_truncated_or_another_tenants_cost_the_same(tmp_path):
    clock = ManualClock()
    keys = ApiKeys(VaultFile(tmp_path / "vault.db"), work=BlockingWork(), clock=clock)
    good = run(keys.create("good")).secret.reveal()
    brief = run(keys.create("brief", expires_in=1.0)).secret.reveal()
    gone = run(keys.create("gone"))
    run(keys.revoke(gone.key.id))
    clock.advance(1.0)
    unknown, _ = new_key("hpk", lambda size: b"n" * size)
    refused = {
        "expired": brief,
        "revoked": gone.secret.reveal(),
        "tenant": good,
        "unknown": unknown,
        "truncated": good[:-1],
        "typo": good[:-1] + ("a" if good[-1] != "a" else "b"),
        "empty": "",
        "huge": "hpk_" + "x" * 1_000_000,
    }
    answers = set()

    def verify(text):
        with pytest.raises(UnauthenticatedError) as caught:
            run(keys.verify(text, tenant="acme"))
        answers.add((str(caught.value), caught.value.status))

    spent = dict.fromkeys(refused, float("inf"))
    for round_ in range(400):
        for one, text in refused.items():
            spent[one] = min(spent[one], cost(partial(verify, text), rounds=1, times=5))
        if round_ >= 40 and max(spent.values()) <= FACTOR * min(spent.values()):
            break
    assert len(answers) == 1
    assert max(spent.values()) <= FACTOR * min(spent.values()) + SLACK_SECONDS, spent
    assert len(hash_of("x" * 1_000_000)) == 32
