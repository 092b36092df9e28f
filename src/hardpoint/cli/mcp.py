"""`hardpoint mcp`: the commands as tools for coding agents; read-only unless it is said."""

from enum import StrEnum
from pathlib import Path
from secrets import token_urlsafe
from typing import Annotated

import typer

from hardpoint.cli.failures import Exit, required, usage
from hardpoint.cli.options import CONFIG, Config, Json, commands, terminal_of

app = commands()


class McpTransport(StrEnum):
    """How the client speaks to us."""

    STDIO = "stdio"
    HTTP = "streamable-http"


@app.command()
def mcp(
    context: typer.Context,
    *,
    transport: Annotated[
        McpTransport, typer.Option(help="stdio, or HTTP on loopback.")
    ] = McpTransport.STDIO,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of HTTP.")] = 8010,
    workspace: Annotated[
        Path, typer.Option(help="Nothing outside of this folder is read. Default: this one.")
    ] = Path(),
    allow_writes: Annotated[
        bool, typer.Option("--allow-writes", help="Also offer to replay events: plan, then run.")
    ] = False,
    tools: Annotated[bool, typer.Option("--tools", help="List the tools, and end.")] = False,
    config: Config = CONFIG,
    json: Json = False,
) -> int:
    """Serve the commands to a coding agent (Model Context Protocol).

    No tool moves money, shows a secret, or reads outside of the workspace. What vendors and users
    wrote comes fenced, as data. Over HTTP each request carries the token that is printed at the
    start, as `Authorization: Bearer`; each start has its own.

    Needs `pip install 'hardpoint[mcp,serve]'`.
    """
    from hardpoint.cli.agent_tools import AgentTools

    terminal = terminal_of(context, json=json)
    if not workspace.is_dir():
        raise usage(f"{workspace} is no folder")
    offered = AgentTools(workspace.resolve(), config, allow_writes=allow_writes)
    if tools:
        names = offered.names()
        terminal.show({"tools": names}, *(f"{name}  {told}" for name, told in names.items()))
        return Exit.OK
    required("mcp")
    from hardpoint.cli.agent_server import HOST, serve, server_of

    terminal.say(f"{len(offered.names())} tools for {workspace.resolve()}, by {transport}")
    if transport is McpTransport.STDIO:
        server_of(offered).run("stdio")
        return Exit.OK
    url, token = f"http://{HOST}:{port}/mcp", token_urlsafe(32)
    terminal.stream({"url": url, "token": token}, f"{url}  Authorization: Bearer {token}")
    serve(offered, port=port, token=token)
    return Exit.OK
