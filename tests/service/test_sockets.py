import socket
from pathlib import Path

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.service.sockets import bind, bind_unix, is_loopback, url_of

SOON = 5


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_that_cannot_be_had_is_named(host):
    with pytest.raises(ConfigurationError, match=f"port: {host}:0 cannot be opened"):
        bind(host, 0, key="port")


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none_is_named(port):
    with pytest.raises(ConfigurationError, match=f"admin-port: {port} is not a port"):
        bind("127.0.0.1", port, key="admin-port")


def test_a_port_in_use_is_named_with_the_setting_to_change():
    with bind("127.0.0.1", 0, key="port") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError) as caught:
            bind("127.0.0.1", port, key="admin-port")
    assert caught.value.problem == f"127.0.0.1:{port} is in use"
    assert caught.value.fix == "Stop the process that has it, or choose another admin-port"


def test_only_loopback_names_and_addresses_are_loopback():
    assert all(map(is_loopback, ["localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]"]))
    assert not any(map(is_loopback, ["0.0.0.0", "::", "10.0.0.1", "localhost.evil.example", ""]))


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_address_of_ipv6_is_taken_with_brackets_and_without(host):
    with bind(host, 0, key="port") as sock:
        assert url_of(sock) == f"http://[::1]:{sock.getsockname()[1]}"


def test_two_colons_mean_both_families():
    with bind("::", 0, key="port") as sock:
        port = sock.getsockname()[1]
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port), timeout=SOON).close()
        assert url_of(sock) == f"http://[::]:{port}"


@pytest.mark.parametrize(
    ("host", "named"), [("::", "[::1]"), ("0.0.0.0", "127.0.0.1"), ("127.0.0.2", "127.0.0.2")]
)
def test_who_listens_on_all_addresses_is_reached_at_loopback(host, named):
    with bind(host, 0, key="port") as sock:
        assert url_of(sock, reachable=True) == f"http://{named}:{sock.getsockname()[1]}"


def called(path: Path) -> socket.socket:
    caller = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    caller.settimeout(SOON)
    caller.connect(str(path))
    return caller


def test_a_unix_socket_is_open_to_any_user_and_gone_at_the_end(tmp_path):
    path = tmp_path / "hardpoint.sock"
    with bind_unix(path, key="uds") as sock:
        assert path.stat().st_mode & 0o777 == 0o666
        assert url_of(sock) == f"unix:{path}"
        called(path).close()
    assert not path.exists()
    assert sock.fileno() == -1


def test_what_a_killed_server_left_is_replaced(tmp_path):
    path = tmp_path / "hardpoint.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as killed:
        killed.bind(str(path))
    with bind_unix(path, key="uds"):
        called(path).close()


def test_a_unix_socket_in_use_is_named_however_busy_it_is(tmp_path):
    path = tmp_path / "hardpoint.sock"
    callers = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(str(path))
        other.listen(0)
        for _ in range(3):  # the last one finds no room
            with pytest.raises(ConfigurationError) as caught, bind_unix(path, key="uds"):
                pass
            assert caught.value.problem == f"{path} is in use"
            assert caught.value.fix == "Stop the process that has it, or choose another uds"
            caller = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            caller.setblocking(False)
            caller.connect_ex(str(path))
            callers.append(caller)
        assert path.exists()
    for caller in callers:
        caller.close()


def test_what_is_no_socket_of_ours_is_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    with (
        pytest.raises(ConfigurationError, match="something else is there"),
        bind_unix(path, key="uds"),
    ):
        pass
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "said"), [("no/such/folder", "No such file"), ("long" * 40, "too long")]
)
def test_a_path_that_cannot_be_had_is_named(tmp_path, name, said):
    with pytest.raises(ConfigurationError, match=said), bind_unix(tmp_path / name, key="uds"):
        pass


def test_a_socket_that_another_server_has_put_there_since_is_left_alone(tmp_path):
    path = tmp_path / "hardpoint.sock"
    with bind_unix(path, key="uds"):
        path.rename(tmp_path / "old")
        path.touch()
    assert path.exists()
    with bind_unix(tmp_path / "other", key="uds"):
        (tmp_path / "other").unlink()
