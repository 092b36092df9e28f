"""What type checkers see of a port: a policy fits a connection, both modes give the same values."""

from collections.abc import Iterator
from typing import assert_type

from hardpoint import Policy
from hardpoint.calls.connection import Connection
from hardpoint.core.money import Money
from hardpoint.email import Email, EmailDriver, EmailEvent, EmailSender
from hardpoint.email.memory import MemoryEmail
from hardpoint.payments import Payment, PaymentDriver, PaymentGateway
from hardpoint.payments.memory import MemoryPayments
from hardpoint.providers.aws.storage import S3Storage
from hardpoint.providers.filesystem.storage import FilesystemStorage
from hardpoint.providers.sendgrid.email import SendGridEmail
from hardpoint.providers.stripe.payments import StripePayments
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.runtime.blocking import BlockingRuntime
from hardpoint.storage import ObjectInfo, ObjectStore, Prefix, StorageDriver, StoredObject
from hardpoint.storage.memory import MemoryStorage
from hardpoint.sync.email import EmailSender as BlockingSender
from hardpoint.sync.payments import PaymentGateway as BlockingGateway
from hardpoint.sync.storage import ObjectStore as BlockingStore

POLICY = Policy("billing", preset="two_retries")


async def awaited(driver: StripePayments) -> None:
    gateway = PaymentGateway(driver, Connection("billing", AsyncRuntime(), policy=POLICY))
    payment = await gateway.create_payment(Money("10", "EUR"), payment_method="pm")
    assert_type(payment, Payment)


def blocking() -> None:
    driver: PaymentDriver = MemoryPayments()
    connection = Connection("billing", BlockingRuntime(), policy=POLICY)
    gateway = BlockingGateway(PaymentGateway(driver, connection))
    assert_type(gateway.create_payment(Money("10", "EUR")), Payment)
    assert_type(gateway.find(since=0, reference="a"), tuple[Payment, ...])


async def mailed(driver: SendGridEmail) -> None:
    sender = EmailSender(driver, Connection("mail", AsyncRuntime(), policy=POLICY))
    assert_type(await sender.send(to=["ann@shop.example"], subject="a", text="b"), Email)


def mailed_blocking() -> None:
    driver: EmailDriver = MemoryEmail()
    sender = BlockingSender(EmailSender(driver, Connection("mail", BlockingRuntime())))
    assert_type(sender.send(to="ann@shop.example", subject="a", html="b"), Email)
    assert_type(sender.parse_event(b""), EmailEvent | None)


async def stored(driver: S3Storage | FilesystemStorage) -> None:
    files = ObjectStore(driver, Connection("files", AsyncRuntime(), policy=POLICY))
    assert_type(await files.put("a", b""), ObjectInfo)
    async for entry in files.list("a/", delimiter="/"):
        assert_type(entry, ObjectInfo | Prefix)


def stored_blocking() -> None:
    driver: StorageDriver = MemoryStorage()
    files = BlockingStore(ObjectStore(driver, Connection("files", BlockingRuntime())))
    assert_type(files.get("a"), StoredObject)
    assert_type(files.list(), Iterator[ObjectInfo | Prefix])
