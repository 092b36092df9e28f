"""A process that forks: the child leaves what it inherited alone, and works.

Each script runs in a process of its own, since the tests' own one has threads. It prints what every
process was answered; the server counts on which connection each request came.
"""

import os
import subprocess
import sys
from itertools import product

import pytest

PRELUDE = """
import asyncio, os, sys, warnings
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.limits import Limits
from hardpoint.http.messages import Request
from hardpoint.runtime.blocking import run

warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads, on purpose here
kind, url = sys.argv[1:3]
limits = Limits(timeout=3)

def new_loop():
    if kind == "uvloop":
        import uvloop
        return uvloop.new_event_loop()
    return asyncio.new_event_loop()

def make(**options):
    return (BlockingTransport if kind == "blocking" else AsyncTransport)(limits, **options)

def ask(transport, path):
    request = Request(method="POST", url=url + path, body=b"1")
    if kind == "blocking":
        return run(transport.send(request)).body.decode()
    loop = new_loop()
    try:
        return loop.run_until_complete(transport.send(request)).body.decode()
    finally:
        loop.close()

def in_child(work):
    pid = os.fork()
    if not pid:
        code = 1
        try:
            work()
            sys.stdout.flush()
            code = 0
        finally:
            os._exit(code)
    return pid

def wait(pid):
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
"""

USED_THEN_FORKED = """
transport = make()
print(ask(transport, "/parent-1"), flush=True)
wait(in_child(lambda: [print(ask(transport, f"/child-{n}")) for n in (1, 2)]))
print(ask(transport, "/parent-2"), flush=True)
"""

A_NEW_ONE_IN_THE_CHILD = """
transport = make()
print(ask(transport, "/parent-1"), flush=True)
wait(in_child(lambda: [print(ask(make(), f"/child-{n}")) for n in (1, 2)]))
print(ask(transport, "/parent-2"), flush=True)
"""

CLOSED_IN_THE_CHILD = """
def close():
    if kind == "blocking":
        transport.close()
    else:
        loop = new_loop()
        loop.run_until_complete(transport.close())
        loop.close()
    print(ask(transport, "/child-1"))

transport = make()
print(ask(transport, "/parent-1"), flush=True)
wait(in_child(close))
print(ask(transport, "/parent-2"), flush=True)
"""

FORKED_IN_A_LOOP = """
async def parent():
    async def sent(path):
        answer = await transport.send(Request(method="POST", url=url + path, body=b"1"))
        return answer.body.decode()

    transport = make()
    print(await sent("/parent-1"), flush=True)
    wait(in_child(lambda: print(ask(transport, "/child-1"))))
    print(await sent("/parent-2"), flush=True)
    await transport.close()

loop = new_loop()
loop.run_until_complete(parent())
loop.close()
"""


def echo_with_connections(line):
    while True:
        target = line.request().target
        line.peer.came.append((target.decode(), line.number))
        line.answer(target)


@pytest.fixture
def peer(listen):
    peer = listen(echo_with_connections)
    peer.came = []
    return peer


def played(script, kind, url, *more):
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + script, kind, url, *more],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={name: value for name, value in os.environ.items() if "COVERAGE" not in name},
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout.split()


SCRIPTS = {
    "used, then forked": USED_THEN_FORKED,
    "a new one in the child": A_NEW_ONE_IN_THE_CHILD,
    "closed in the child": CLOSED_IN_THE_CHILD,
    "forked in a loop": FORKED_IN_A_LOOP,
}


@pytest.mark.parametrize(
    ("shell", "told"),
    [
        *product(["asyncio", "uvloop"], SCRIPTS),
        *(("blocking", told) for told in SCRIPTS if told != "forked in a loop"),  # refuses loops
    ],
    indirect=["shell"],
)
def test_a_child_shares_no_connection_with_its_parent(shell, peer, told):
    script = SCRIPTS[told]
    answers = played(script, shell.kind, peer.url)
    asked = [path for path, _ in peer.came]
    assert answers == asked
    assert len(asked) >= 3
    parents = {number for path, number in peer.came if path.startswith("/parent")}
    children = {number for path, number in peer.came if path.startswith("/child")}
    assert not parents & children
    if shell.blocking or script is FORKED_IN_A_LOOP:  # elsewhere each request has its own loop
        assert len(parents) == 1


FORKED_WHILE_IT_CONNECTS = """
import socket, stat, threading, time
from hardpoint.core.errors import HardpointError
from hardpoint.http.wire.trust import Trust

def connections():
    found = 0
    for name in os.listdir("/dev/fd"):
        try:
            if stat.S_ISSOCK(os.stat(int(name)).st_mode):
                with socket.socket(fileno=os.dup(int(name))) as sock:
                    found += sock.family == socket.AF_INET
        except OSError:  # it was the folder's own
            pass
    return found

def work():
    try:
        outcomes.append(ask(transport, "/parent"))
    except HardpointError as error:
        outcomes.append(type(error).__name__)

limits = Limits(timeout=float(sys.argv[5]), connect_timeout=float(sys.argv[5]))
transport, outcomes = make(tls=Trust(authorities=sys.argv[3])), []
thread = threading.Thread(target=work)
thread.start()
until = time.monotonic() + 10
while not connections() and time.monotonic() < until:
    time.sleep(0.001)
wait(in_child(lambda: print(connections())))
with socket.create_connection(("127.0.0.1", int(sys.argv[4]))):
    thread.join()
print(*outcomes)
"""


def test_a_child_that_is_forked_in_a_handshake_has_no_part_in_it(shell, listen, authority):
    def script(line):
        if line.number:
            line.peer.go.set()
            line.hold()
        line.peer.go.wait(10)
        with authority.serving().wrap_socket(line.end, server_side=True) as end:
            end.recv(65536)
            end.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nyes")
            line.hold()

    peer = listen(script)
    port = peer.port
    found = played(
        FORKED_WHILE_IT_CONNECTS,
        shell.kind,
        f"https://127.0.0.1:{port}",
        str(authority.file),
        str(port),
        "20",
    )
    assert found == ["0", "yes"]


def test_a_child_that_is_forked_while_it_connects_has_no_part_in_it(
    shell, listen, authority, full_port
):
    found = played(
        FORKED_WHILE_IT_CONNECTS,
        shell.kind,
        f"https://127.0.0.1:{full_port}",
        str(authority.file),
        str(listen().port),
        "1",
    )
    assert found == ["0", "UnavailableError"]
