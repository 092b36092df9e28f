"""A connection that fails where a test wants it to."""

import sqlite3

import pytest


class Faults:
    """Which statements fail, and how."""

    def __init__(self) -> None:
        self.plan: list[tuple[str, int, str]] = []
        self.seen: list[str] = []

    def add(self, text: str, code: int, message: str = "injected") -> None:
        """From now on each statement that contains `text` fails with this SQLite error code."""
        self.plan.append((text, code, message))

    def clear(self) -> None:
        self.plan.clear()

    def kind(self) -> type[sqlite3.Connection]:
        """The class of a connection under these faults."""
        faults = self

        class Faulty(sqlite3.Connection):
            def execute(self, sql, *arguments):
                faults.seen.append(sql)
                for text, code, message in faults.plan:
                    if text in sql:
                        error = sqlite3.OperationalError(message)
                        error.sqlite_errorcode = code
                        raise error
                return super().execute(sql, *arguments)

        return Faulty


@pytest.fixture
def faults(stage) -> Faults:
    """Faults of the connection that the stage's stores write with."""
    made = Faults()
    stage.settings["kind"] = made.kind()
    return made
