"""What a careful user writes today: FastAPI, the vendor's SDK, SQLAlchemy; one commit a request.

BENCH_STORE=sqlite:/path/to/file.db uvicorn bench.accept.today:app
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import stripe
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from sqlalchemy import JSON, DateTime, Index, String, event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SECRET = os.environ["BENCH_SECRET"]
kind, _, rest = os.environ["BENCH_STORE"].partition(":")
on_file = kind == "sqlite"
engine = create_async_engine(f"sqlite+aiosqlite:///{rest}" if on_file else f"{kind}+asyncpg:{rest}")
sessions = async_sessionmaker(engine, expire_on_commit=False)


def durable(connection: Any, _record: object) -> None:
    """As durable as what it is compared with."""
    for setting in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {setting}")


if on_file:
    event.listen(engine.sync_engine, "connect", durable)


class Base(DeclarativeBase):
    pass


class Event(Base):
    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(64))
    vendor_id: Mapped[str] = mapped_column(String(255))
    type: Mapped[str] = mapped_column(String(255))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    status: Mapped[str] = mapped_column(String(16), default="pending")
    received_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), default=lambda: datetime.now(UTC)
    )

    __table_args__ = (
        Index("once", "source", "vendor_id", unique=True),
        Index("to_do", "status"),
    )


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as opened:
        yield opened


@app.post("/webhooks/billing")
async def receive(
    request: Request,
    stripe_signature: Annotated[str, Header()],
    store: Annotated[AsyncSession, Depends(session)],
) -> dict[str, str]:
    body = await request.body()
    try:
        told = stripe.Webhook.construct_event(body, stripe_signature, SECRET)
    except (ValueError, stripe.SignatureVerificationError):
        raise HTTPException(400) from None
    store.add(Event(source="billing", vendor_id=told.id, type=told.type, body=told.to_dict()))
    try:
        await store.commit()
    except IntegrityError:
        await store.rollback()
        return {"status": "duplicate"}
    return {"status": "stored"}
