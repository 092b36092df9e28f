"""Partial evaluation of a function's syntax tree, as far as the fused runner needs it."""

import ast
from collections import Counter, defaultdict
from collections.abc import Mapping
from copy import deepcopy


class Fold(ast.NodeTransformer):
    """Replaces what is known, and drops what that makes unreachable.

    Args:
        flags: names of known truth.
        given: names of which is known whether they are None (False) or not (True).
        plain: make coroutine functions plain ones, and drop `await`.
    """

    def __init__(
        self, flags: Mapping[str, bool], given: Mapping[str, bool], *, plain: bool = False
    ) -> None:
        self._flags = flags
        self._given = given
        self._plain = plain

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A flag becomes its value."""
        if isinstance(node.ctx, ast.Load) and node.id in self._flags:
            return ast.copy_location(ast.Constant(self._flags[node.id]), node)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """A test against None becomes its outcome."""
        self.generic_visit(node)
        match node:
            case ast.Compare(left, [ast.Is() | ast.IsNot() as test], [ast.Constant(None)]):
                given = self._is_given(left)
                if given is not None:
                    return ast.copy_location(
                        ast.Constant(given is isinstance(test, ast.IsNot)), node
                    )
            case _:
                pass
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        """`and` drops True and ends at False; `or` the other way round."""
        self.generic_visit(node)
        end = isinstance(node.op, ast.Or)
        values: list[ast.expr] = []
        for value in node.values:
            if not _is(value, not end):
                values.append(value)
            if _is(value, end):
                break
        if len(values) > 1:
            node.values = values
            return node
        return values[0] if values else ast.copy_location(ast.Constant(not end), node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        """`not` of what is known is known."""
        self.generic_visit(node)
        match node:
            case ast.UnaryOp(ast.Not(), ast.Constant(bool(value))):
                return ast.copy_location(ast.Constant(not value), node)
            case _:
                return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        """One of the two remains."""
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    def visit_If(self, node: ast.If) -> ast.stmt | list[ast.stmt]:
        """One of the two branches remains, or none."""
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    def visit_Await(self, node: ast.Await) -> ast.expr:
        """A plain function has its value at once."""
        self.generic_visit(node)
        return node.value if self._plain else node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.stmt:
        """A coroutine function may become a plain one."""
        self.generic_visit(node)
        if not self._plain:
            return node
        plain = ast.FunctionDef(node.name, node.args, node.body, node.decorator_list)
        return ast.copy_location(plain, node)

    def _is_given(self, node: ast.expr) -> bool | None:
        if isinstance(node, ast.Constant):
            return node.value is not None
        return self._given.get(node.id) if isinstance(node, ast.Name) else None


class Constants(ast.NodeTransformer):
    """Replaces variables that are only ever set to one and the same constant, or outer name."""

    def __init__(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        stored: Counter[str] = Counter(
            node.id
            for node in ast.walk(function)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        )
        arguments = {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
        same: defaultdict[str, Counter[str]] = defaultdict(Counter)
        value: dict[str, ast.expr] = {}
        for node in ast.walk(function):
            if not isinstance(node, ast.Assign):
                continue
            known = isinstance(node.value, ast.Constant) or (
                isinstance(node.value, ast.Name)
                and node.value.id not in stored
                and node.value.id not in arguments
            )
            for target in node.targets:
                if known and isinstance(target, ast.Name):
                    same[target.id][ast.dump(node.value)] += 1
                    value[target.id] = node.value
        self.found = {
            name: value[name]
            for name, dumps in same.items()
            if len(dumps) == 1 and dumps.total() == stored[name] and name not in arguments
        }

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A constant's name becomes its value."""
        if isinstance(node.ctx, ast.Load) and node.id in self.found:
            return ast.copy_location(deepcopy(self.found[node.id]), node)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.Assign | None:
        """A constant need not be set."""
        self.generic_visit(node)
        node.targets = [
            target
            for target in node.targets
            if not (isinstance(target, ast.Name) and target.id in self.found)
        ]
        return node if node.targets else None


def reduce(
    function: ast.FunctionDef, flags: Mapping[str, bool], given: Mapping[str, bool], *, plain: bool
) -> None:
    """Fold a function that makes a function, in place.

    What is known of its parameters is known inside the inner function, too.
    """
    Fold(flags, given, plain=plain).visit(function)
    while True:
        (inner,) = [
            one for one in function.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))
        ]
        constants = Constants(inner)
        if not constants.found:
            return
        constants.visit(inner)
        Fold(flags, given, plain=plain).visit(function)


def _is(node: ast.expr, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value
