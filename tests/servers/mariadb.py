"""A MariaDB server in a folder of its own: it may be killed, and started again."""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pymysql

PATIENCE = 60.0
OPTIONS = {
    "innodb-buffer-pool-size": "16M",
    "innodb-log-file-size": "8M",
    "innodb-flush-method": "nosync",  # nobody cuts the power
    "debug-no-sync": "1",
    "max-connections": "100",
}
USER = "nobody"


class MariaServer:
    """One with a database `shop`. Who reaches its socket may do everything.

    Attributes:
        socket: where it listens.
    """

    def __init__(self, folder: Path) -> None:
        self._log = folder / "log"
        self._data = folder / "data"
        self._data.mkdir()
        if os.getuid() == 0:
            shutil.chown(self._data, USER)
        self.socket = self._data / "socket"
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run it, until it answers."""
        program = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            raise FileNotFoundError(
                "mariadbd is not installed: apt-get install mariadb-server-core"
            )
        command = [program, "--no-defaults", f"--datadir={self._data}", f"--socket={self.socket}"]
        command += ["--skip-networking", "--skip-grant-tables", "--tmpdir", str(self._data)]
        command += [f"--{name}={value}" for name, value in OPTIONS.items()]
        if os.getuid() == 0:
            command.append(f"--user={USER}")
        with self._log.open("ab") as log:
            self._server = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + PATIENCE
        while True:
            try:
                with closing(self.connect(None)) as connection, connection.cursor() as cursor:
                    cursor.execute("create database if not exists shop")
                return
            except pymysql.MySQLError:
                assert self._server.poll() is None, self._log.read_text()[-4000:]
                assert time.monotonic() < until, self._log.read_text()[-4000:]
            time.sleep(0.02)

    def connect(self, database: str | None = "shop", **options: object) -> pymysql.Connection:
        """A connection to it.

        The driver leaves a socket open that it could not connect, so it is given one.
        """
        made = pymysql.connect(user="root", database=database, defer_connect=True, **options)
        line = socket.socket(socket.AF_UNIX)
        try:
            line.connect(str(self.socket))
            made.connect(line)
        except OSError as error:
            line.close()
            raise pymysql.OperationalError(str(error)) from error
        except BaseException:
            line.close()
            raise
        return made

    def kill(self) -> None:
        """As if the machine had lost power, but for what the kernel has."""
        assert self._server is not None
        self._server.send_signal(signal.SIGKILL)
        self._server.wait()
