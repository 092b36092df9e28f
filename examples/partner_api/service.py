"""A service whose partners call it with keys made on the command line, or sign their requests.

uvicorn service:app
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI

from hardpoint import Hub
from hardpoint.api_keys import Principal
from hardpoint.integrations.fastapi import requires

hub = Hub.load("hardpoint.toml")
may_read = requires(hub.api_keys, "orders:read", tenant_in="tenant")
may_write = requires(hub.api_keys, "orders:write", tenant_in="tenant")
ORDERS = {"acme": {"1001": "paid"}, "globex": {"2001": "open"}}


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with hub:
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/{tenant}/orders")
async def orders(tenant: str, _: Annotated[Principal, Depends(may_read)]) -> dict[str, str]:
    return ORDERS[tenant]


@app.put("/{tenant}/orders/{order}")
async def ship(
    tenant: str, order: str, caller: Annotated[Principal, Depends(may_write)]
) -> dict[str, str]:
    ORDERS[tenant][order] = "shipped"
    return {"order": order, "by": caller.name}
