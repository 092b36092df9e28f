"""A vault in a process that forks while its threads refresh."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from hardpoint.core import forks
from hardpoint.core.errors import StoreUnavailableError
from hardpoint.core.secrets import Secret
from hardpoint.fakes.authorization import FakeAuthorization
from hardpoint.fakes.server import FakeServer
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.limits import Limits
from hardpoint.oauth.catalogue import Client, RefreshRotation
from hardpoint.oauth.keyring import Keyring
from hardpoint.oauth.tokens import Tokens
from hardpoint.oauth.vault import Vault
from hardpoint.runtime.blocking import run
from hardpoint.runtime.work import BlockingWork
from hardpoint.store.sqlite import SqliteStore
from hardpoint.store.vault import VaultFile

CHILDREN = 8
THREADS = 4
TIMES = 3


@pytest.fixture
def server():
    vendor = FakeAuthorization(rotation="strict")
    with FakeServer(vendor) as served:
        vendor.url = served.url
        yield vendor


@pytest.fixture
def vault(server, tmp_path, entry):
    ours = entry(token_url=f"{server.url}/token", rotation=RefreshRotation.STRICT)
    made = Vault(
        tmp_path / "vault.db",
        keyring=Keyring(Secret.value("k1:" + "A" * 43 + "=")),
        clients={
            "acme": Client(
                entry=ours, client_id="client", client_secret=Secret.value("client-secret")
            )
        },
        transport=BlockingTransport(Limits(timeout=20)),
        work=BlockingWork(),
    )
    run(made.open())
    return made


def connect(vault, server, name):
    """Connect an account whose token has expired."""
    document = server.grant()
    now = time.time()
    tokens = Tokens(
        access=Secret.value(document["access_token"]),
        refresh=Secret.value(document["refresh_token"]),
        issued_at=now - 20,
        expires_at=now - 10,
        scope=("read",),
    )
    run(vault.put(name, tokens, client="acme"))


def test_threads_and_forked_children_refresh_each_token_once_and_none_hangs(vault, server, forked):
    names = [f"child-{number}" for number in range(CHILDREN)]
    threads = [f"thread-{number}" for number in range(THREADS)]
    for name in ("shared", *names, *threads):
        connect(vault, server, name)
    over = threading.Event()
    refreshed = dict.fromkeys(threads, 0)

    def insist(name):
        while not over.is_set():
            run(vault.refresh(name))
            refreshed[name] += 1

    def child(name):
        shared = run(vault.access_token("shared")).reveal()
        return [shared, *(run(vault.refresh(name)).version for _ in range(TIMES))]

    with ThreadPoolExecutor(THREADS + CHILDREN) as pool:
        insisting = [pool.submit(insist, name) for name in threads]
        try:
            children = [pool.submit(forked, lambda name=name: child(name)) for name in names]
            said = [one.result(90) for one in children]
        finally:
            over.set()
        for one in insisting:
            one.result(30)
    mine = run(vault.access_token("shared")).reveal()
    assert [one[0] for one in said] == [mine] * CHILDREN
    assert [one[1:] for one in said] == [[2, 3, 4]] * CHILDREN
    used = [entry.facts["token"] for entry in server.ledger.entries("refresh")]
    assert len(used) == len(set(used)) == 1 + CHILDREN * TIMES + sum(refreshed.values())
    assert all(server.alive(1 + number) for number in range(1 + CHILDREN + THREADS))
    with closing(sqlite3.connect(vault._file.path)) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)


def test_a_child_of_a_fork_that_could_not_wait_refuses_with_the_remedy(
    vault, server, forked, monkeypatch
):
    connect(vault, server, "c")
    monkeypatch.setattr(forks._gate, "_patience", 0.01)
    inside, over = threading.Event(), threading.Event()

    def stay():
        with vault._file.transaction():
            inside.set()
            over.wait(60)

    thread = threading.Thread(target=stay)
    thread.start()
    inside.wait(30)

    def child():
        said = []
        fresh = VaultFile(vault._file.path.with_name("other.db"))
        store = SqliteStore(vault._file.path.with_name("store.db"))
        for ask in (lambda: run(vault.status("c")), fresh.open, store.open_blocking):
            try:
                ask()
            except StoreUnavailableError as error:
                said.append("start this process afresh" in str(error))
        return said

    try:
        assert forked(child) == [True] * 3
    finally:
        over.set()
        thread.join(30)
    assert run(vault.status("c")).version == 1
