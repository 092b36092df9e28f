"""Compiling the fused runner for one shape of policy: partial evaluation of its source.

What a policy lacks is known when it is built, so the tests for it need not run on every call. The
source of `runner.build` is parsed once. For each shape, tests of its parameters against None and
its boolean parameters are replaced by what they are, dead branches go, and for plain functions
`async` and `await` go too. File name and line numbers stay: tracebacks, debuggers and coverage show
`runner.py`.

Where the source is not at hand (a frozen application) the runner is used as it stands, and plain
functions step through its coroutine: the same behaviour, slower.
"""

import ast
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, cast

from hardpoint.resilience import runner
from hardpoint.runtime.blocking import step

Function = Callable[..., Any]


class Shape(NamedTuple):
    """What decides which code remains.

    Attributes:
        flags: the boolean parameters.
        given: for the others, whether they are not None.
        bound: the function is `build`'s, and the runner has its signature.
    """

    flags: frozenset[tuple[str, bool]]
    given: frozenset[tuple[str, bool]]
    bound: bool


def invoker(parameters: dict[str, Any], source: str | None = None) -> Function:
    """What calls any function under a policy: `(function, args, kwargs)`.

    Args:
        parameters: of `runner.build`.
        source: of `runner`; empty for none.
    """
    build = _compiled(_shape(parameters, bound=False), SOURCE if source is None else source)
    if build is not None:
        return build(**parameters)
    run = runner.build(**parameters)
    if parameters["asynchronous"]:
        return run

    def stepped(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return step(run(call, args, kwargs))

    return stepped


def wrapper(function: Function, parameters: dict[str, Any], source: str | None = None) -> Function:
    """What calls this one function under a policy, with its arguments."""
    build = _compiled(_shape(parameters, bound=True), SOURCE if source is None else source)
    if build is not None:
        return build(function=function, **parameters)
    run = invoker(parameters, "")
    if parameters["asynchronous"]:

        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            return await run(function, args, kwargs)

        return wrapped
    return lambda *args, **kwargs: run(function, args, kwargs)


def _source() -> str:
    """The source of the runner as it was imported."""
    loader: Any = getattr(runner.__spec__, "loader", None)
    try:
        return loader.get_source(runner.__name__) or ""
    except (AttributeError, ImportError):
        return ""


SOURCE = _source()


def _shape(parameters: dict[str, Any], *, bound: bool) -> Shape:
    flags = {name: value for name, value in parameters.items() if isinstance(value, bool)}
    given = {name: value is not None for name, value in parameters.items() if name not in flags}
    return Shape(frozenset(flags.items()), frozenset(given.items()), bound)


@cache
def _compiled(shape: Shape, source: str) -> Function | None:
    if not source:
        return None
    tree = ast.parse(source)
    (build,) = [one for one in tree.body if isinstance(one, ast.FunctionDef)]
    build.decorator_list.clear()
    if shape.bound:
        build.args.kwonlyargs.append(ast.arg("function"))
        build.args.kw_defaults.append(None)
    module = ast.Module([_Fold(shape).visit(build)], type_ignores=[])
    code = compile(ast.fix_missing_locations(module), runner.__file__ or "runner", "exec")
    namespace: dict[str, Any] = {}
    exec(code, runner.__dict__, namespace)  # noqa: S102 - our own source, with branches removed
    return cast(Function, namespace[build.name])


class _Fold(ast.NodeTransformer):
    """Replaces what is known, and drops what that makes unreachable."""

    def __init__(self, shape: Shape) -> None:
        self._flags = dict(shape.flags)
        self._given = dict(shape.given)
        self._bound = shape.bound

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if isinstance(node.ctx, ast.Load) and node.id in self._flags:
            return ast.copy_location(ast.Constant(self._flags[node.id]), node)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        match node:
            case ast.Compare(
                ast.Name(name), [ast.Is() | ast.IsNot() as test], [ast.Constant(None)]
            ):
                if name in self._given:
                    known = self._given[name] is isinstance(test, ast.IsNot)
                    return ast.copy_location(ast.Constant(known), node)
            case _:
                pass
        self.generic_visit(node)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        """`and` drops True and ends at False; `or` the other way round."""
        self.generic_visit(node)
        end = isinstance(node.op, ast.Or)
        values: list[ast.expr] = []
        for value in node.values:
            if isinstance(value, ast.Constant) and value.value is (not end):
                continue
            values.append(value)
            if isinstance(value, ast.Constant) and value.value is end:
                break
        if not values:
            return ast.copy_location(ast.Constant(not end), node)
        if len(values) == 1:
            return values[0]
        node.values = values
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.UnaryOp(ast.Not(), ast.Constant(bool(value))):
                return ast.copy_location(ast.Constant(not value), node)
            case _:
                return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    def visit_If(self, node: ast.If) -> ast.stmt | list[ast.stmt]:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    def visit_Await(self, node: ast.Await) -> ast.expr:
        self.generic_visit(node)
        return node if self._flags["asynchronous"] else node.value

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.stmt:
        self.generic_visit(node)
        if self._bound:
            node.args = ast.arguments([], [], ast.arg("args"), [], [], ast.arg("kwargs"), [])
        if self._flags["asynchronous"]:
            return node
        return ast.copy_location(
            ast.FunctionDef(node.name, node.args, node.body, node.decorator_list), node
        )
