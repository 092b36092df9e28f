"""Frameworks that do nothing: `uvicorn bench.accept.empty:starlette` or `:fastapi`."""

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def answer(request: Request) -> JSONResponse:
    await request.body()
    return JSONResponse({"status": "stored"})


starlette = Starlette(routes=[Route("/webhooks/billing", answer, methods=["POST"])])
fastapi = FastAPI()


@fastapi.post("/webhooks/billing")
async def receive(request: Request) -> dict[str, str]:
    await request.body()
    return {"status": "stored"}
