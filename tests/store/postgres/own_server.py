"""A PostgreSQL server that a test has for itself: it may be killed, and started again."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg
from tests.store.postgres.server import SETTINGS, programs

PATIENCE = 60.0


class OwnServer:
    """A server in a folder that others may enter.

    Args:
        folder: where.
        follows: the running one whose standby it is, under the name `walreceiver`.

    Attributes:
        url: of its database `postgres`.
    """

    def __init__(self, folder: Path, *, follows: "OwnServer | None" = None) -> None:
        root = os.getuid() == 0
        nobody = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}
        self._user = nobody if root else {}
        self._programs = follows._programs if follows else programs(folder, reachable=root)
        self._data = folder / ("standby" if follows else "data")
        self._data.mkdir(mode=0o700)
        if root:
            shutil.chown(self._data, "nobody")
        self.url = f"postgresql://postgres@/postgres?host={self._data}"
        self._server: subprocess.Popen[bytes] | None = None
        if follows:
            copied = ["pg_basebackup", "-h", str(follows._data), "-U", "postgres", "-R"]
            assert self._call(*copied, "-c", "fast", "-D", str(self._data)).wait() == 0
            (self._data / ".s.PGSQL.5432.lock").unlink()  # the other's
            return
        made = ["initdb", "--username", "postgres", "--auth", "trust", "--encoding", "UTF8"]
        made += ["--locale", "C", "--no-sync", "-D", str(self._data)]
        assert self._call(*made).wait() == 0

    def start(self) -> None:
        """Run it; where the last one was killed, once its children have gone."""
        until = time.monotonic() + PATIENCE
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        where = ["-D", str(self._data), "-k", str(self._data)]
        while True:
            self._server = self._call("postgres", *where, *options)
            while self._server.poll() is None:
                if self._answers():
                    return
                assert time.monotonic() < until, "it does not answer"
                time.sleep(0.05)
            assert time.monotonic() < until, "it does not start"
            time.sleep(0.1)

    def kill(self) -> None:
        """As if the machine had lost power, but for what the kernel has."""
        self._end(signal.SIGKILL)

    def promote(self) -> None:
        """It follows no more, and takes writes."""
        self.asked("select pg_promote()")

    def asked(self, sql: str) -> "list[tuple[Any, ...]]":
        """What a statement gives."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute(sql)
            return found.fetchall() if found.description else []

    def stop(self) -> None:
        """At once."""
        if self._server is not None:
            self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        self._server.send_signal(how)
        self._server.wait()
        self._server = None

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _call(self, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
        return subprocess.Popen([str(self._programs / program), *arguments], **self._user, **quiet)
