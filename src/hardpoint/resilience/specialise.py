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
import linecache
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, cast

from hardpoint.resilience import runner
from hardpoint.resilience.folding import reduce
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
    """The source of the runner, whoever imported it: pytest's loader, for one, keeps none."""
    return "".join(linecache.getlines(runner.__file__ or "", dict(vars(runner))))


SOURCE = _source()


def _shape(parameters: dict[str, Any], *, bound: bool) -> Shape:
    flags = {name: value for name, value in parameters.items() if isinstance(value, bool)}
    given = {name: value is not None for name, value in parameters.items() if name not in flags}
    return Shape(frozenset(flags.items()), frozenset(given.items()), bound)


@cache
def _compiled(shape: Shape, source: str) -> Function | None:
    if not source:
        return None
    flags = dict(shape.flags)
    (build,) = [one for one in ast.parse(source).body if isinstance(one, ast.FunctionDef)]
    reduce(build, flags, dict(shape.given), plain=not flags["asynchronous"])
    if shape.bound:
        build.args.kwonlyargs.append(ast.arg("function"))
        build.args.kw_defaults.append(None)
        run: Any = build.body[-2]
        run.args = ast.arguments([], [], ast.arg("args"), [], [], ast.arg("kwargs"), [])
    module = ast.Module([build], type_ignores=[])
    code = compile(ast.fix_missing_locations(module), runner.__file__ or "runner", "exec")
    namespace: dict[str, Any] = {}
    exec(code, runner.__dict__, namespace)  # noqa: S102 - our own source, with branches removed
    return cast(Function, namespace[build.name])
