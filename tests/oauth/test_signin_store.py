"""What a store of flows and sessions promises, in memory and in the vault's file."""

import threading

import pytest

from hardpoint.oauth.flow import Flow, FlowKind
from hardpoint.oauth.sessions import Session, SigninStore
from hardpoint.runtime.blocking import run
from hardpoint.runtime.work import BlockingWork
from hardpoint.store.vault import VaultFile
from hardpoint.testing.identity_store import MemoryIdentityStore

NOW = 1_700_000_000.0


@pytest.fixture
def file(tmp_path):
    file = VaultFile(tmp_path / "vault.db")
    file.open()
    return file


@pytest.fixture
def another(file):
    """Opens the same rows once more."""
    return lambda: VaultFile(file.path)


@pytest.fixture(params=["memory", "file"])
def store(request, file):
    return MemoryIdentityStore() if request.param == "memory" else SigninStore(file, BlockingWork())


def flow(key, browser="b-1", expires_at=NOW + 600, **facts):
    return Flow(
        **{
            "key": key,
            "kind": FlowKind.CONNECT,
            "provider": "acme",
            "browser": browser,
            "salt": b"\x00\xff" * 16,
            "return_to": "/orders",
            "scopes": ("a", "b"),
            "user": "ada",
            "connection": None,
            "account": None,
            "age_max": 60.0,
            "expires_at": expires_at,
            **facts,
        }
    )


def session(key, user="ada", idle_until=NOW + 60, **facts):
    times = {"created_at": NOW, "seen_at": NOW, "absolute_until": NOW + 600}
    return Session(key=key, user=user, idle_until=idle_until, **{**times, **facts})


def put(store, *flows, most=20, now=NOW):
    for one in flows:
        run(store.put_flow(one, most, now))


def test_a_flow_is_found_as_it_was_put(store):
    whole, bare = flow("k-1"), flow("k-2", kind=FlowKind.LOGIN, scopes=(), user=None, age_max=None)
    put(store, whole, bare)
    assert run(store.find_flow("k-1")) == whole
    assert run(store.find_flow("k-2")) == bare
    assert run(store.find_flow("k-3")) is None


def test_a_flow_is_used_up_by_one_alone(store):
    put(store, flow("k-1"))
    assert run(store.take_flow("k-1")) is True
    assert run(store.take_flow("k-1")) is False
    assert run(store.find_flow("k-1")) is None


def test_expired_flows_go_and_the_oldest_of_a_full_browser(store):
    put(store, flow("old", expires_at=NOW), flow("other", browser="b-2"))
    put(store, *(flow(f"k-{n}", expires_at=NOW + n) for n in range(1, 6)), most=3)
    left = ["old", "other", *(f"k-{n}" for n in range(1, 6))]
    left = [key for key in left if run(store.find_flow(key)) is not None]
    assert left == ["other", "k-3", "k-4", "k-5"]


def test_a_session_is_found_as_it_was_put_and_seen(store):
    one = session("s-1", issuer="https://id.example", subject="x", issuer_session="sid")
    run(store.put_session(one))
    run(store.see_session("s-1", NOW + 5, NOW + 65))
    found = run(store.find_session("s-1"))
    assert (found.seen_at, found.idle_until) == (NOW + 5, NOW + 65)
    assert (found.user, found.issuer, found.subject) == ("ada", "https://id.example", "x")
    assert run(store.find_session("s-2")) is None


def test_a_session_that_has_ended_stays_ended(store):
    run(store.put_session(session("s-1")))
    run(store.end_session("s-1"))
    run(store.end_session("s-1"))
    run(store.see_session("s-1", NOW, NOW + 60))
    assert run(store.find_session("s-1")) is None


def test_sessions_end_by_user_and_by_the_issuers_session(store):
    facts = {"issuer": "https://id.example", "issuer_session": "sid"}
    for key, user in (("s-1", "ada"), ("s-2", "ada"), ("s-3", "bob")):
        run(store.put_session(session(key, user, **facts)))
    run(store.put_session(session("s-4", "eve")))
    assert run(store.end_sessions_of("ada")) == 2
    assert run(store.end_sessions_of("ada")) == 0
    assert run(store.end_issuer_session("https://other.example", "sid")) == 0
    assert run(store.end_issuer_session("https://id.example", "sid")) == 1
    assert run(store.find_session("s-4")) is not None


def test_the_sessions_of_a_person_at_an_issuer_end_that_began_by_then(store):
    ada = {"issuer": "https://id.example", "subject": "x"}
    for key, facts in {
        "before": ada,
        "same": {**ada, "created_at": NOW + 10},
        "after": {**ada, "created_at": NOW + 10.5},
        "other": {**ada, "subject": "y"},
        "elsewhere": {**ada, "issuer": "https://other.example"},
        "local": {},
    }.items():
        run(store.put_session(session(key, **facts)))
    assert run(store.end_issuer_subject("https://id.example", "x", NOW + 10)) == 2
    assert run(store.end_issuer_subject("https://id.example", "x", NOW + 10)) == 0
    left = {
        key
        for key in ("before", "same", "after", "other", "elsewhere", "local")
        if there(store, key)
    }
    assert left == {"after", "other", "elsewhere", "local"}


def there(store, key):
    return run(store.find_session(key)) is not None


def test_flows_and_sessions_outlive_a_restart_and_are_shared(another):
    before, after = (SigninStore(another(), BlockingWork()) for _ in range(2))
    put(before, flow("k-1"))
    run(before.put_session(session("s-1")))
    assert run(after.find_session("s-1")).user == "ada"
    assert run(after.take_flow("k-1")) is True
    assert run(before.take_flow("k-1")) is False


def test_of_many_at_once_one_takes_a_flow(file, another):
    put(SigninStore(file, BlockingWork()), flow("k-1"))
    together, taken = threading.Barrier(8), []

    def take():
        store = SigninStore(another(), BlockingWork())
        together.wait()
        taken.append(run(store.take_flow("k-1")))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False] * 7 + [True]


def test_sessions_that_have_ended_are_swept_out(file):
    store = SigninStore(file, BlockingWork())
    run(store.put_session(session("old", idle_until=NOW)))
    run(store.put_session(session("new")))
    assert run(store.find_session("old")) is None
