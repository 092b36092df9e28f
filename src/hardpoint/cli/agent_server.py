"""The MCP server itself, on the official SDK: its tools are those of `agent_tools`."""

from importlib.metadata import version
from typing import Any, Final

import uvicorn
from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations
from starlette.applications import Starlette

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


def http_app(tools: AgentTools, port: int) -> Starlette:
    """The server over HTTP; other hosts and origins than this machine's are refused."""
    names = (HOST, "localhost")
    return server_of(tools).streamable_http_app(
        transport_security=TransportSecuritySettings(
            enable_dns_rebinding_protection=True,
            allowed_hosts=[f"{name}:{port}" for name in names],
            allowed_origins=[f"http://{name}:{port}" for name in names],
        ),
        host=HOST,
    )


def serve(tools: AgentTools, *, port: int | None) -> None:
    """Until the client goes, or for ever.

    Args:
        tools: what is offered.
        port: of HTTP on loopback; None is stdio.
    """
    if port is None:
        server_of(tools).run("stdio")
    else:
        uvicorn.run(http_app(tools, port), host=HOST, port=port, log_level="warning")
