"""What a public name takes and gives is public too: nobody needs an inner name to use it.

Read from the source, where the public name itself leads to. Classes have unique names, but vendors'
own wire types.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import hardpoint

SOURCE = Path(hardpoint.__file__).parent
LISTED = Path(__file__).with_name("public_names.txt").read_text().split()
PUBLIC = {name.rpartition(".")[2] for name in LISTED}
MODULES = {
    path: ast.parse(path.read_text())
    for path in SOURCE.rglob("*.py")
    if "sync" not in path.relative_to(SOURCE).parts
}
HANDED_ON = {
    "Assembly",  # from a policy to the streams it opens
    "Authority",  # from the hub to its flows
    "BodyBudget",  # from the hub to what it mounts, with the receiver
    "Bounds",  # from limits to a transport
    "CircuitEffects",  # from a policy to its circuit
    "CircuitOutcome",  # from a runner to the circuit
    "CompleteIn",  # from the worker to a job, with its lease
    "EventFollowing",  # from a client to the events that it gives
    "FlowStore",  # from the hub to its flows: the vault's file is the only one
    "GraphQLDriver",  # from the hub to its client
    "GrpcDriver",  # from the hub to its client
    "HeldCredential",  # from the vault to its flows; it holds tokens in the clear
    "Journal",  # from the hub to a connection: the store's is the only one
    "Lease",  # from the worker to a job
    "NodeWalk",  # from a client to the nodes that it gives
    "PageWalk",  # from a client to the pages that it gives
    "Pouring",  # from a fake to the server that gives it
    "Receiver",  # from the hub to what it mounts
    "Sandbox",  # from the plugin to the hub it starts
    "SessionStore",  # from the hub to its sessions: the vault's file is the only one
    "SocketKeeper",  # from a fake to its connections
    "StreamOpening",  # from a client to the stream that it gives
    "Team",  # from a runtime to a queue that is consumed
    "Subscribed",  # from a client to the subscription that it gives
    "Timing",  # from the blocking hub to its vault; only tests set another
    "TurnKeeper",  # from the hub to its turns: the store's is the only one
    "VaultTables",  # from the hub to its vault: a file's, or a database's
    "WebSocketDriver",  # from the hub to its client
    "Work",  # from the hub to its vault, of its own way of waiting
    "WrappingKey",  # from a keyring to the vault; it holds a key in the clear
}
"""What goes from one of our names to another, and why: nobody else makes one, or reads it."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


def module_of(path: Path) -> str:
    """What it is imported as."""
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


DEFINED = {
    (module_of(path), node.name): node
    for path, tree in MODULES.items()
    for node in tree.body
    if isinstance(node, ast.ClassDef | Function)
}
CLASSES = {
    name for (_, name), node in DEFINED.items() if isinstance(node, ast.ClassDef) and name[0] != "_"
}


def found() -> dict[str, ast.ClassDef | Function]:
    """The definitions of public names, by their whole name; what is generated is its source's."""
    made: dict[str, ast.ClassDef | Function] = {}
    for listed in LISTED:
        package, _, name = listed.rpartition(".")
        value = getattr(importlib.import_module(package), name)
        node = DEFINED.get((getattr(value, "__module__", None) or "", name))
        if node is not None:
            made[listed] = node
    return made


FOUND = found()


def annotations(node: ast.AST) -> Iterator[ast.expr]:
    """Those of a class's public members, or of a function."""
    match node:
        case ast.ClassDef():
            for one in node.body:
                if isinstance(one, Function):
                    if not one.name.startswith("_") or one.name == "__init__":
                        yield from annotations(one)
                elif isinstance(one, ast.AnnAssign) and not ast.unparse(one.target).startswith("_"):
                    yield one.annotation
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            given = node.args
            every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
            yield from (one.annotation for one in every if one and one.annotation)
            if node.returns:
                yield node.returns
        case _:
            pass


def named(annotation: ast.expr) -> Iterator[str]:
    """Every name in it, also in one that is quoted."""
    for one in ast.walk(annotation):
        if isinstance(one, ast.Name):
            yield one.id
        elif isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield from re.findall(r"\w+", one.value)


@pytest.mark.parametrize("name", sorted(FOUND))
def test_what_a_public_name_takes_and_gives_is_public(name: str) -> None:
    used = {one for annotation in annotations(FOUND[name]) for one in named(annotation)}
    assert (used & CLASSES) - PUBLIC - HANDED_ON == set()


def test_what_is_handed_on_is_no_longer_listed_where_nobody_does() -> None:
    used = {
        one
        for name in FOUND
        for annotation in annotations(FOUND[name])
        for one in named(annotation)
    }
    assert used - PUBLIC >= HANDED_ON
