"""The shop's own table, in the file that the hub also uses."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol, TypeVar

PRICES = {"mug": ("12.50", "EUR"), "poster": ("30.00", "EUR")}
"""What a thing costs is the shop's to say, never the browser's."""


Written = TypeVar("Written")


class Executes(Protocol):
    """A connection of the shop's, or a job's transaction."""

    def execute(self, sql: str, parameters: Any = ()) -> Any: ...


class Orders:
    """Orders in SQLite. Its methods block: call them in a plain `def`, or in a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=10)
        connection.row_factory = sqlite3.Row
        return connection

    def prepare(self) -> None:
        self._write(
            lambda connection: connection.execute(
                "create table if not exists orders (id text primary key, item text, amount text,"
                " currency text, email text, phone text, status text not null default 'open',"
                " payment text, paid_times integer not null default 0, receipt text, text text,"
                " text_status text, told text, means text)"
            )
        )

    def place(self, order_id: str, item: str, email: str, phone: str) -> None:
        """An order that is there already stays as it is."""
        amount, currency = PRICES[item]
        self._write(
            lambda connection: connection.execute(
                "insert into orders (id, item, amount, currency, email, phone)"
                " values (?, ?, ?, ?, ?, ?) on conflict (id) do nothing",
                [order_id, item, amount, currency, email, phone],
            )
        )

    def settle_means(self, order_id: str, means: str) -> bool:
        """Whether an order is paid in this way: its first one. Two could take the money twice."""

        def settled(connection: sqlite3.Connection) -> bool:
            asked = "update orders set means = ? where id = ? and coalesce(means, ?) = ?"
            return connection.execute(asked, [means, order_id, means, means]).rowcount == 1

        return self._write(settled)

    def find(self, order_id: str) -> dict[str, Any] | None:
        with closing(self.connect()) as connection:
            row = connection.execute("select * from orders where id = ?", [order_id]).fetchone()
        return None if row is None else dict(row)

    def _write(self, write: Callable[[sqlite3.Connection], Written]) -> Written:
        with closing(self.connect()) as connection, connection:
            return write(connection)


# What handlers write, each in the transaction that completes its job


def paid(transaction: Executes, order_id: str, payment_id: str) -> None:
    transaction.execute(
        "update orders set status = 'paid', payment = ?, paid_times = paid_times + 1 where id = ?",
        [payment_id, order_id],
    )


def failed(transaction: Executes, order_id: str, text_id: str) -> None:
    transaction.execute(
        "update orders set text = ?, status = case status when 'open' then 'failed' else status end"
        " where id = ?",
        [text_id, order_id],
    )


def receipt_sent(transaction: Executes, order_id: str, email_id: str | None) -> None:
    transaction.execute("update orders set receipt = ? where id = ?", [email_id, order_id])


def staff_told(transaction: Executes, order_id: str, post_id: str | None) -> None:
    transaction.execute("update orders set told = ? where id = ?", [post_id, order_id])


async def text_changed(
    transaction: Executes, text_id: str, merged: Callable[[str | None], str]
) -> None:
    """Keep the further one of two statuses, in whatever order they come."""
    rows = await transaction.execute("select text_status from orders where text = ?", [text_id])
    row = rows.fetchone()
    if row is not None:
        transaction.execute(
            "update orders set text_status = ? where text = ?", [merged(row[0]), text_id]
        )
