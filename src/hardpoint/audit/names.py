"""What names stand for: imports, and the classes that variables are instances of."""

import ast
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hardpoint.audit.program import CodeFunction

UNKNOWN: Final = "?"
"""Stands for an object that nothing is known of."""
FACTORIES: Final = frozenset({"client", "resource", "session", "from_url", "getLogger", "Session"})
"""Functions that give an object which is named by them: `boto3.client`, `requests.session`."""
_WRAPPERS: Final = frozenset({"Optional", "Annotated", "Final", "ClassVar"})


def dotted(node: ast.AST) -> str | None:
    """`a.b.c` as it is written, or None where it is anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])


class Names:
    """Learns while the tree is walked, and resolves afterwards."""

    def __init__(self) -> None:
        self._imports: dict[str, str] = {}
        self._values: dict[tuple[int, str], ast.expr] = {}
        """By the function's identity and the name: what last gave it a class."""
        self._types: dict[tuple[int, str], ast.expr] = {}
        self._attributes: dict[tuple[str, str], tuple[ast.expr, CodeFunction]] = {}
        self._classes: dict[str, list[str]] = {}
        self._busy: set[tuple[int, str]] = set()

    @property
    def imported(self) -> frozenset[str]:
        """The packages that the module imports, by their first names."""
        return frozenset(one.partition(".")[0] for one in self._imports.values())

    def learn_import(self, node: ast.AST) -> None:
        """An import statement."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                self._imports[bound] = alias.name if alias.asname else bound
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            for alias in node.names:
                self._imports[alias.asname or alias.name] = f"{origin}.{alias.name}"

    def learn_class(self, node: ast.ClassDef, function: "CodeFunction") -> None:
        """A class of the module, with the names of its bases."""
        self._classes[node.name] = [self.resolve(one, function) for one in node.bases]

    def learn_annotation(self, name: str, node: ast.expr, function: "CodeFunction") -> None:
        """What a variable or a parameter is said to be."""
        self._types[id(function), name] = node

    def learn_binding(
        self, name: str, value: ast.expr, function: "CodeFunction", klass: str
    ) -> None:
        """What a variable, or an attribute of `self`, is bound to."""
        head, _, rest = name.partition(".")
        if head == "self" and rest and klass:
            self._attributes.setdefault((klass, rest), (value, function))
        if isinstance(value, ast.Call | ast.Await | ast.Name | ast.Attribute):
            self._values.setdefault((id(function), name), value)

    def bases(self, klass: str) -> list[str]:
        """The names of a class's bases."""
        return self._classes.get(klass, [])

    def resolve(self, node: ast.expr, function: "CodeFunction") -> str:
        """The dotted name of an expression; it begins with `?` where nothing is known."""
        if isinstance(node, ast.Name):
            return self._name(node.id, function)
        if isinstance(node, ast.Attribute):
            bare = dotted(node)
            if bare is not None and bare.startswith("self."):
                return self._own(bare, function)
            owner = self.resolve(node.value, function)
            return f"{owner}.{node.attr}"
        if isinstance(node, ast.Call):
            return self._made(node, function)
        if isinstance(node, ast.Await):
            return self.resolve(node.value, function)
        return UNKNOWN

    def _name(self, name: str, function: "CodeFunction") -> str:
        for scope in function.chain():
            key = (id(scope), name)
            if key in self._busy:
                continue
            annotation = self._types.get(key)
            if annotation is not None:
                return self._annotated(annotation, scope)
            value = self._values.get(key)
            if value is not None:
                self._busy.add(key)
                try:
                    return self.resolve(value, scope)
                finally:
                    self._busy.discard(key)
            if any(one.arg == name for one in scope.parameters):
                return f"{UNKNOWN}{name}"
            if name in scope.assigns:
                return f"{UNKNOWN}{name}"
        return self._imports.get(name, name)

    def _own(self, bare: str, function: "CodeFunction") -> str:
        """An attribute of `self`: of the class that the function is a method of."""
        _, attribute, *rest = bare.split(".")
        klass = next((one.klass for one in function.chain() if one.klass), "")
        known = self._attributes.get((klass, attribute))
        key = (0, f"{klass}.{attribute}")
        if known is None or key in self._busy:
            return f"{UNKNOWN}{bare}"
        self._busy.add(key)
        try:
            return ".".join([self.resolve(*known), *rest])
        finally:
            self._busy.discard(key)

    def _made(self, node: ast.Call, function: "CodeFunction") -> str:
        """What a call gives: an instance of a class bears its name, anything else is unknown."""
        name = self.resolve(node.func, function)
        last = name.rpartition(".")[2]
        if name in {"boto3.client", "boto3.resource"} and node.args:
            service = node.args[0]
            if isinstance(service, ast.Constant) and isinstance(service.value, str):
                return f"{name}.{service.value}"
        if last[:1].isupper() or last in FACTORIES:
            return name
        return f"{UNKNOWN}{name}()"

    def _annotated(self, node: ast.expr, function: "CodeFunction") -> str:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                node = ast.parse(node.value, mode="eval").body
            except (SyntaxError, ValueError):
                return UNKNOWN
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._annotated(node.left, function)
        if isinstance(node, ast.Subscript):
            name = dotted(node.value) or ""
            inner = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
            return self._annotated(inner, function) if name in _WRAPPERS else UNKNOWN
        bare = dotted(node)
        if bare is None:
            return UNKNOWN
        head, _, rest = bare.partition(".")
        return ".".join([self._imports.get(head, head), *([rest] if rest else [])])
