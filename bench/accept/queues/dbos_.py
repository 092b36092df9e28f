"""DBOS: `uvicorn bench.accept.queues.dbos_:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from dbos import DBOS, SetWorkflowID, SQLAlchemyDatasource
from fastapi import Depends, FastAPI
from sqlalchemy import text

from bench.accept.queues import ALCHEMY, PAID, Delivery, delivery

DBOS(config={"name": "bench", "system_database_url": ALCHEMY, "log_level": "WARNING"})
database = SQLAlchemyDatasource.create(ALCHEMY)


@database.transaction
def pay(order: str) -> None:
    database.sql_session().execute(text(PAID.replace("$1", ":order")), {"order": order})


@DBOS.workflow()
def mark_paid(order: str, body: str) -> None:
    pay(order)


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    DBOS.launch()
    yield
    DBOS.destroy()


app = FastAPI(lifespan=lifespan)


@app.post("/webhooks/billing")
def receive(told: Annotated[Delivery, Depends(delivery)]) -> dict[str, str]:
    with SetWorkflowID(told.id):  # a repeat finds the first
        DBOS.start_workflow(mark_paid, told.order, told.body.decode())
    return {"status": "stored"}
