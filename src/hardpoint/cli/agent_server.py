"""The MCP server itself, on the official SDK: its tools are those of `agent_tools`."""

import hmac
from importlib.metadata import version
from typing import Any, Final

import uvicorn
from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from hardpoint.cli.agent_tools import FENCE_NOTE, AgentTools

_INSTRUCTIONS: Final = (
    "hardpoint checks and explains integrations with third parties. Begin with `checklist` and "
    f"`audit_code`. {FENCE_NOTE}"
)
HOST: Final = "127.0.0.1"


def server_of(tools: AgentTools) -> MCPServer[Any]:
    """The server, with every tool that is offered."""
    server: MCPServer[Any] = MCPServer(
        "hardpoint", instructions=_INSTRUCTIONS, version=version("hardpoint"), log_level="ERROR"
    )
    for tool in tools.offered():
        server.add_tool(
            tool.call,
            name=tool.name,
            description=tool.told,
            annotations=ToolAnnotations(
                read_only_hint=not tool.writes,
                destructive_hint=tool.writes,
                idempotent_hint=not tool.writes,
                open_world_hint=False,
            ),
            structured_output=False,
        )
    return server


def http_app(tools: AgentTools, port: int, token: str) -> ASGIApp:
    """The server over HTTP, for whoever has the token; other hosts and origins are refused."""
    names = (HOST, "localhost")
    app = server_of(tools).streamable_http_app(
        transport_security=TransportSecuritySettings(
            enable_dns_rebinding_protection=True,
            allowed_hosts=[f"{name}:{port}" for name in names],
            allowed_origins=[f"http://{name}:{port}" for name in names],
        ),
        host=HOST,
    )
    return _with_token(app, b"Bearer " + token.encode())


def _with_token(app: ASGIApp, wanted: bytes) -> ASGIApp:
    """Loopback is open to every user and every program of the machine: it says nothing of who."""

    async def gate(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = Headers(scope=scope).get("authorization", "").encode("latin-1")
            if not hmac.compare_digest(given, wanted):
                refused = PlainTextResponse(
                    "give the token that was printed at the start: Authorization: Bearer ...",
                    401,
                    {"WWW-Authenticate": "Bearer"},
                )
                await refused(scope, receive, send)
                return
        await app(scope, receive, send)

    return gate


def serve(tools: AgentTools, *, port: int, token: str) -> None:
    """Over HTTP on loopback, for ever.

    Args:
        tools: what is offered.
        port: of HTTP.
        token: what each request has to carry.
    """
    uvicorn.run(http_app(tools, port, token), host=HOST, port=port, log_level="warning")
