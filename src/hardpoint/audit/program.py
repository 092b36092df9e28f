"""A module as rules see it, from one walk over its tree: functions, calls, what is around them."""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, TypeAlias

from hardpoint.audit.names import Names, dotted

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Loop: TypeAlias = ast.For | ast.AsyncFor | ast.While
_LEAVES: Final = frozenset(
    {ast.Name, ast.Load, ast.Store, ast.Del, ast.Pass, ast.alias, ast.And, ast.Or}
)
_DEPTH_MAX: Final = 300
"""Deeper trees are generated; what lies below is passed over."""


@dataclass(slots=True, eq=False)
class CallSite:
    """A call, and what it stands in within its function."""

    node: ast.Call
    function: "CodeFunction"
    parent: ast.AST
    loops: tuple[Loop, ...]
    tries: tuple[ast.Try, ...]
    """Those whose `try` part it is in, the outermost first."""
    withs: tuple[ast.expr, ...]
    handler: ast.ExceptHandler | None
    name: str = ""
    """What is called, with imports resolved: `httpx.Client.get`; `?.get` of an unknown object."""

    @property
    def last(self) -> str:
        """The name's last part."""
        return self.name.rpartition(".")[2]

    @property
    def root(self) -> str:
        """The name's first part: the package, as it is imported."""
        return self.name.partition(".")[0]

    def keyword(self, *names: str) -> ast.expr | None:
        """The value of the first keyword that is given."""
        for one in self.node.keywords:
            if one.arg in names:
                return one.value
        return None

    def spread(self) -> bool:
        """Whether `**something` may hold any keyword."""
        return any(one.arg is None for one in self.node.keywords)

    def argument(self, position: int, *names: str) -> ast.expr | None:
        """An argument by its place or its name."""
        given = self.node.args
        if len(given) > position and not any(isinstance(one, ast.Starred) for one in given):
            return given[position]
        return self.keyword(*names)


@dataclass(slots=True, eq=False)
class CodeFunction:
    """A function, or the module's own statements."""

    node: FunctionNode | ast.Module
    name: str
    klass: str
    parent: "CodeFunction | None"
    calls: list[CallSite] = field(default_factory=list[CallSite])
    assigns: dict[str, list[ast.expr]] = field(default_factory=dict[str, list[ast.expr]])
    """What each name is bound to, in order; attributes as `self.x`."""
    compares: list[ast.Compare] = field(default_factory=list[ast.Compare])
    branches: list[ast.If] = field(default_factory=list[ast.If])
    loops: list[Loop] = field(default_factory=list[Loop])
    tries: list[ast.Try] = field(default_factory=list[ast.Try])
    raises: list[ast.Raise] = field(default_factory=list[ast.Raise])
    returns: list[ast.Return] = field(default_factory=list[ast.Return])
    subscripts: list[ast.Subscript] = field(default_factory=list[ast.Subscript])
    awaits: int = 0
    nested: list["CodeFunction"] = field(default_factory=list["CodeFunction"])
    withs: list[ast.expr] = field(default_factory=list[ast.expr])

    @property
    def is_async(self) -> bool:
        """Whether an event loop runs it."""
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def decorators(self) -> Sequence[ast.expr]:
        """As they are written, the outermost first."""
        return [] if isinstance(self.node, ast.Module) else self.node.decorator_list

    @property
    def parameters(self) -> Sequence[ast.arg]:
        """All that have names."""
        if isinstance(self.node, ast.Module):
            return []
        given = self.node.args
        return [*given.posonlyargs, *given.args, *given.kwonlyargs]

    def inner_calls(self) -> Iterator[CallSite]:
        """Its calls, and those of the functions within it."""
        yield from self.calls
        for one in self.nested:
            yield from one.inner_calls()

    def chain(self) -> Iterator["CodeFunction"]:
        """Itself, and the functions around it."""
        one: CodeFunction | None = self
        while one is not None:
            yield one
            one = one.parent


@dataclass(eq=False)
class CodeModule:
    """One file."""

    path: str
    source: str
    tree: ast.Module
    names: Names
    functions: list[CodeFunction]
    """The module's own statements first."""
    strings: list[ast.Constant]
    joined: list[ast.JoinedStr]
    is_test: bool

    @cached_property
    def calls(self) -> list[CallSite]:
        """All calls, with their names."""
        return [call for function in self.functions for call in function.calls]

    @cached_property
    def lines(self) -> list[str]:
        """The text, line by line, as Python counts: a form feed, say, ends no line."""
        return self.source.split("\n")

    @cached_property
    def lowered(self) -> str:
        """The text in lower case."""
        return self.source.lower()

    @cached_property
    def by_name(self) -> dict[str, CodeFunction]:
        """Functions and methods by their bare names; of several the last."""
        return {one.name: one for one in self.functions}

    def name_of(self, expression: ast.expr, function: CodeFunction) -> str:
        """The dotted name that an expression stands for, imports and instances resolved."""
        return self.names.resolve(expression, function)

    def decorator_names(self, function: CodeFunction) -> list[tuple[str, ast.expr]]:
        """The resolved names of a function's decorators, called or not."""
        outer = function.parent or self.functions[0]
        return [
            (self.name_of(one.func if isinstance(one, ast.Call) else one, outer), one)
            for one in function.decorators
        ]

    def called(self, call: CallSite) -> CodeFunction | None:
        """The function of this module that a call goes to, where it is one."""
        bare = dotted(call.node.func)
        if bare is None:
            return None
        head, _, rest = bare.partition(".")
        if not rest or (head in {"self", "cls"} and "." not in rest):
            return self.by_name.get(rest or head)
        return None


def read(path: str, source: str, tree: ast.Module, *, is_test: bool) -> CodeModule:
    """Walk a tree once, and resolve what its calls are named."""
    walker = _Walker(tree)
    walker.walk()
    module = CodeModule(
        path, source, tree, walker.names, walker.functions, walker.strings, walker.joined, is_test
    )
    for call in module.calls:
        call.name = walker.names.resolve(call.node.func, call.function)
    return module


@dataclass(slots=True, frozen=True)
class _Around:
    """What surrounds a node within its function."""

    function: CodeFunction
    loops: tuple[Loop, ...] = ()
    tries: tuple[ast.Try, ...] = ()
    withs: tuple[ast.expr, ...] = ()
    handler: ast.ExceptHandler | None = None


class _Walker:
    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self.names = Names()
        self.strings: list[ast.Constant] = []
        self.joined: list[ast.JoinedStr] = []
        self.functions = [CodeFunction(tree, "<module>", "", None)]
        self._klass = ""
        self._depth = 0

    def walk(self) -> None:
        around = _Around(self.functions[0])
        for one in self._tree.body:
            self._visit(one, around, self._tree)

    def _visit(self, node: ast.AST, around: _Around, parent: ast.AST) -> None:
        if self._depth > _DEPTH_MAX:
            return
        self._depth += 1
        known = _KINDS.get(type(node))
        if known is None:
            self._children(node, around)
        else:
            known(self, node, around, parent)
        self._depth -= 1

    def _children(self, node: ast.AST, around: _Around) -> None:
        for name in node._fields:
            value = getattr(node, name)
            if isinstance(value, list):
                for one in value:  # pyright: ignore[reportUnknownVariableType]
                    if isinstance(one, ast.AST) and type(one) not in _LEAVES:
                        self._visit(one, around, node)
            elif isinstance(value, ast.AST) and type(value) not in _LEAVES:
                self._visit(value, around, node)

    def _each(self, nodes: Sequence[ast.AST], around: _Around, parent: ast.AST) -> None:
        for one in nodes:
            self._visit(one, around, parent)

    def _import(self, node: ast.AST, around: _Around, parent: ast.AST) -> None:
        self.names.learn_import(node)

    def _class(self, node: ast.AST, around: _Around, parent: ast.AST) -> None:
        assert isinstance(node, ast.ClassDef)  # noqa: S101 - narrows what the table of kinds knows
        before, self._klass = self._klass, node.name
        self.names.learn_class(node, around.function)
        self._each([*node.decorator_list, *node.bases, *node.keywords, *node.body], around, node)
        self._klass = before

    def _function(self, node: ast.AST, around: _Around, parent: ast.AST) -> None:
        assert isinstance(node, FunctionNode)  # noqa: S101
        own = CodeFunction(node, node.name, self._klass, around.function)
        around.function.nested.append(own)
        self.functions.append(own)
        given = node.args
        defaults = [one for one in [*given.defaults, *given.kw_defaults] if one is not None]
        self._each([*node.decorator_list, *defaults], around, node)
        for one in own.parameters:
            if one.annotation is not None:
                self.names.learn_annotation(one.arg, one.annotation, own)
        self._each(node.body, _Around(own), node)

    def _call(self, node: ast.AST, around: _Around, parent: ast.AST) -> None:
        assert isinstance(node, ast.Call)  # noqa: S101
        around.function.calls.append(
            CallSite(
                node,
                around.function,
                parent,
                around.loops,
                around.tries,
                around.withs,
                around.handler,
            )
        )
        self._children(node, around)

    def _assign(self, node: ast.AST, around: _Around, parent: ast.AST) -> None:
        targets: list[ast.expr]
        match node:
            case ast.Assign(targets=targets, value=value):
                pass
            case (
                ast.AnnAssign(target=target, value=value)
                | ast.NamedExpr(target=target, value=value)
            ):
                targets = [target]
            case ast.AugAssign(target=target):
                targets = [target]
                value = ast.copy_location(ast.BinOp(node.target, node.op, node.value), node)
            case _:
                return
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            self.names.learn_annotation(node.target.id, node.annotation, around.function)
        for target in targets:
            self._bind(target, value, around.function)
        self._children(node, around)

    def _bind(self, target: ast.expr, value: ast.expr | None, function: CodeFunction) -> None:
        if value is None:
            return
        if isinstance(target, ast.Tuple | ast.List):
            pairs = value.elts if isinstance(value, ast.Tuple | ast.List) else []
            for number, one in enumerate(target.elts):
                self._bind(one, pairs[number] if number < len(pairs) else value, function)
            return
        bare = dotted(target)
        if bare is not None:
            function.assigns.setdefault(bare, []).append(value)
            self.names.learn_binding(bare, value, function, self._klass)

    def _with(self, node: ast.AST, around: _Around, parent: ast.AST) -> None:
        assert isinstance(node, ast.With | ast.AsyncWith)  # noqa: S101
        items = tuple(one.context_expr for one in node.items)
        for one in node.items:
            self._visit(one.context_expr, around, node)
            if one.optional_vars is not None:
                self._bind(one.optional_vars, one.context_expr, around.function)
        around.function.withs.extend(items)
        inner = _Around(
            around.function, around.loops, around.tries, (*around.withs, *items), around.handler
        )
        self._each(node.body, inner, node)

    def _loop(self, node: ast.AST, around: _Around, parent: ast.AST) -> None:
        assert isinstance(node, Loop)  # noqa: S101
        around.function.loops.append(node)
        inner = _Around(
            around.function, (*around.loops, node), around.tries, around.withs, around.handler
        )
        if isinstance(node, ast.While):
            self._visit(node.test, inner, node)
        else:
            self._visit(node.iter, around, node)
            self._bind(node.target, node.iter, around.function)
        self._each(node.body, inner, node)
        self._each(node.orelse, around, node)

    def _try(self, node: ast.AST, around: _Around, parent: ast.AST) -> None:
        assert isinstance(node, ast.Try)  # noqa: S101
        around.function.tries.append(node)
        inner = _Around(
            around.function, around.loops, (*around.tries, node), around.withs, around.handler
        )
        self._each(node.body, inner, node)
        for one in node.handlers:
            caught = _Around(around.function, around.loops, around.tries, around.withs, one)
            self._each([*([one.type] if one.type else []), *one.body], caught, one)
        self._each([*node.orelse, *node.finalbody], around, node)

    def _noted(self, node: ast.AST, around: _Around, parent: ast.AST) -> None:
        function = around.function
        match node:
            case ast.Compare():
                function.compares.append(node)
            case ast.If():
                function.branches.append(node)
            case ast.Raise():
                function.raises.append(node)
            case ast.Return():
                function.returns.append(node)
            case ast.Subscript():
                function.subscripts.append(node)
            case ast.JoinedStr():
                self.joined.append(node)
            case _:
                function.awaits += 1
        self._children(node, around)

    def _constant(self, node: ast.AST, around: _Around, parent: ast.AST) -> None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            self.strings.append(node)


_KINDS: Final[Mapping[type[ast.AST], Callable[[_Walker, ast.AST, _Around, ast.AST], None]]] = {
    ast.Import: _Walker._import,
    ast.ImportFrom: _Walker._import,
    ast.ClassDef: _Walker._class,
    ast.FunctionDef: _Walker._function,
    ast.AsyncFunctionDef: _Walker._function,
    ast.Call: _Walker._call,
    ast.Assign: _Walker._assign,
    ast.AnnAssign: _Walker._assign,
    ast.AugAssign: _Walker._assign,
    ast.NamedExpr: _Walker._assign,
    ast.With: _Walker._with,
    ast.AsyncWith: _Walker._with,
    ast.For: _Walker._loop,
    ast.AsyncFor: _Walker._loop,
    ast.While: _Walker._loop,
    ast.Try: _Walker._try,
    ast.Compare: _Walker._noted,
    ast.If: _Walker._noted,
    ast.Raise: _Walker._noted,
    ast.Return: _Walker._noted,
    ast.Subscript: _Walker._noted,
    ast.JoinedStr: _Walker._noted,
    ast.Await: _Walker._noted,
    ast.Constant: _Walker._constant,
}
