"""What type checkers see of `hub.once`: it gives what the call gives, in both modes."""

from typing import assert_type

from hardpoint import Hub
from hardpoint.calls.connection import Connection
from hardpoint.calls.once import BlockingOnce
from hardpoint.core.money import Money
from hardpoint.payments import Payment, PaymentGateway
from hardpoint.store.journal import Journal
from hardpoint.store.journalling import StoreJournal
from hardpoint.store.sqlite import SqliteStore
from hardpoint.sync.payments import PaymentGateway as BlockingGateway

TEN = Money("10", "EUR")


def count(word: str) -> int:
    return len(word)


async def awaited(hub: Hub, gateway: PaymentGateway) -> None:
    assert_type(await hub.once("order-7", gateway.create_payment, TEN, reference="7"), Payment)
    assert_type(await hub.once("word", count, "four", scope="words"), int)


def blocking(once: BlockingOnce, gateway: BlockingGateway) -> None:
    assert_type(once("order-7", gateway.create_payment, TEN), Payment)
    assert_type(once("word", count, "four"), int)


def journals(store: SqliteStore, connection: Connection) -> None:
    journal: Journal = StoreJournal(store)
    assert_type(connection.journal, Journal | None)
    del journal
