import os
import stat
import subprocess
import sys

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.service import runfile
from hardpoint.service.runfile import RunningServer

RUN = RunningServer(
    pid=os.getpid(), url="http://127.0.0.1:8001", token="s3cr3t-t0ken", started_at=1.5
)


def test_what_is_written_is_read_and_for_its_owner_alone(tmp_path):
    path = runfile.path_of(tmp_path / "inbox.db")
    assert path == tmp_path / "inbox.db.run"
    runfile.write(path, RUN)
    assert runfile.read(path) == RUN
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["inbox.db.run"]


def test_it_replaces_what_a_crash_left_behind_even_a_link(tmp_path):
    path, victim = tmp_path / "a.run", tmp_path / "victim"
    victim.write_text("precious")
    path.symlink_to(victim)
    (tmp_path / f"a.run.{RUN.pid}").symlink_to(victim)
    runfile.write(path, RUN)
    assert runfile.read(path) == RUN
    assert not path.is_symlink()
    assert victim.read_text() == "precious"


def test_a_folder_that_takes_no_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"missing/a\.run: cannot be written"):
        runfile.write(tmp_path / "missing" / "a.run", RUN)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"pid":0,"url":"u","token":"t","started_at":1}',
        b'{"pid":-1,"url":"u","token":"t","started_at":1}',
        b'{"pid":"1","url":"u","token":"t","started_at":1}',
        b"\xff\xfe",
        b'{"pid":1,"url":"\xff","token":"t","started_at":1}',
        b" " * 5000 + b'{"pid":1,"url":"u","token":"t","started_at":1}',
    ],
)
def test_what_is_not_ours_is_nothing(tmp_path, content):
    path = tmp_path / "a.run"
    path.write_bytes(content)
    assert runfile.read(path) is None


def test_no_file_or_a_folder_in_its_place_is_nothing(tmp_path):
    assert runfile.read(tmp_path / "a.run") is None
    assert runfile.read(tmp_path) is None


def test_another_users_file_is_told_apart_from_none(tmp_path):
    class Locked(type(tmp_path)):
        def open(self, *_, **__):
            raise PermissionError

    with pytest.raises(ConfigurationError, match="another user's server"):
        runfile.read(Locked(tmp_path / "a.run"))


def test_only_the_server_that_wrote_it_takes_it_away(tmp_path):
    path = tmp_path / "a.run"
    runfile.remove(path, RUN)
    runfile.write(path, RUN)
    runfile.remove(path, RunningServer(pid=RUN.pid, url=RUN.url, token="another", started_at=1.5))
    assert path.exists()
    runfile.remove(path, RUN)
    assert not path.exists()


def test_the_token_is_in_no_repr():
    assert RUN.token not in f"{RUN!r} {RUN!s}"
    assert str(RUN.pid) in repr(RUN)


def test_a_process_lives_until_it_has_ended():
    assert runfile.process_lives(os.getpid())
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not runfile.process_lives(ended.pid)


def test_another_users_process_lives_too():
    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    assert runfile.process_lives(1, kill=refuse)
