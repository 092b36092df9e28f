"""What a value is made of, within its function: tags follow assignments, calls, formatting."""

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from hardpoint.audit.names import dotted
from hardpoint.audit.program import CodeFunction, CodeModule

_DEPTH_MAX: Final = 12
_SIGNED: Final = re.compile(r"signature|hmac|x-hub|svix-|^sig$|_sig$|sig_header", re.IGNORECASE)
_STAMP: Final = re.compile(r"timestamp|svix-id|^ts$|^t$", re.IGNORECASE)
SECRET_NAME: Final = re.compile(
    r"(^|_)(access_token|refresh_token|id_token|api_?key|secret|secret_key|client_secret|password|passwd"
    r"|private_key|auth_token|bearer_token|card_number|cvc|cvv)$",
    re.IGNORECASE,
)


class MadeOf(StrEnum):
    """What a value is made of."""

    BODY = "body"
    """The request's bytes, as they came."""
    PARSED = "parsed"
    """The request's body, decoded."""
    DUMPED = "dumped"
    """JSON that we have written."""
    DIGEST = "digest"
    """What HMAC gave."""
    SIGNATURE = "signature"
    """The signature that a request came with."""
    STAMP = "stamp"
    """The time that a request came with."""
    SECRET = "secret"  # noqa: S105 - a tag
    FRESH = "fresh"
    """Another one each time: random, or the time."""
    SIGNED_URL = "signed_url"


Tags = frozenset[MadeOf]
NOTHING: Final[Tags] = frozenset()
_CALLS: Final = {
    "json.dumps": {MadeOf.DUMPED},
    "uuid.uuid4": {MadeOf.FRESH},
    "uuid.uuid1": {MadeOf.FRESH},
    "secrets.token_hex": {MadeOf.FRESH},
    "secrets.token_urlsafe": {MadeOf.FRESH},
    "time.time": {MadeOf.FRESH},
    "time.time_ns": {MadeOf.FRESH},
    "random.random": {MadeOf.FRESH},
    "random.randint": {MadeOf.FRESH},
    "datetime.datetime.now": {MadeOf.FRESH},
    "datetime.datetime.utcnow": {MadeOf.FRESH},
    "hmac.digest": {MadeOf.DIGEST},
}
_PASS_ON: Final = frozenset({"str", "repr", "format", "strip", "encode", "decode", "join", "dict"})
"""Calls that give what they were given, in another form."""
_REQUEST: Final = re.compile(
    r"^\?*(flask\.request|(self\.)?req(uest)?|quart\.request)\b|(^|\.)(Http|WSGI|Asgi)?Request\b"
)


class ValueFlow:
    """Follows values within one function."""

    def __init__(self, module: CodeModule, function: CodeFunction) -> None:
        self._module = module
        self._function = function
        self._busy: set[str] = set()

    def tags(self, node: ast.AST | None, depth: int = 0) -> Tags:
        """What an expression is made of."""
        if node is None or depth > _DEPTH_MAX:
            return NOTHING
        match node:
            case ast.Name(id=name):
                known = self._variable(name, depth, node.lineno)
                return known if self._shortened(node) else known | _named(name)
            case ast.Attribute(attr=attr):
                return self._attribute(node, depth) | _named(attr)
            case ast.Call():
                return self._call(node, depth)
            case ast.Subscript(value=value, slice=key):
                return self._item(value, key, depth)
            case ast.Constant() | ast.Compare():
                return NOTHING
            case ast.IfExp(body=body, orelse=orelse):
                return self.tags(body, depth + 1) | self.tags(orelse, depth + 1)
            case ast.Await(value=value):
                return self.tags(value, depth + 1)
            case _:
                return self._all(ast.iter_child_nodes(node), depth)

    def _item(self, value: ast.expr, key: ast.expr, depth: int) -> Tags:
        """An item is secret by its own name; a part of a text is what one shows instead."""
        owner = self.tags(value, depth + 1)
        own = owner - {MadeOf.SECRET} if isinstance(key, ast.Constant | ast.Slice) else owner
        return own | self._keyed(value, key)

    def _all(self, nodes: Iterator[ast.AST], depth: int) -> Tags:
        found: Tags = NOTHING
        for one in nodes:
            found |= self.tags(one, depth + 1)
        return found

    def _variable(self, name: str, depth: int, line: int) -> Tags:
        """What it was bound to last above that line; all, where nothing is above."""
        if name in self._busy:
            return NOTHING
        self._busy.add(name)
        try:
            found: Tags = NOTHING
            for scope in self._function.chain():
                values = scope.assigns.get(name, [])
                if scope is self._function:
                    values = [one for one in values if one.lineno < line][-1:] or values
                for value in values:
                    found |= self.tags(value, depth + 1)
                if values:
                    break
            return found
        finally:
            self._busy.discard(name)

    def _shortened(self, node: ast.Name) -> bool:
        """Whether a variable holds a part of a text: `key = key[:4] + "..."`."""
        above = [one for one in self._function.assigns.get(node.id, ()) if one.lineno < node.lineno]
        return bool(above) and any(isinstance(one, ast.Slice) for one in ast.walk(above[-1]))

    def _attribute(self, node: ast.Attribute, depth: int) -> Tags:
        bare = dotted(node)
        if bare is None:
            return self.tags(node.value, depth + 1)
        resolved = self._module.name_of(node, self._function)
        if _REQUEST.search(resolved):
            if node.attr in {"body", "data"}:
                return frozenset({MadeOf.BODY})
            if node.attr in {"json", "form", "POST"}:
                return frozenset({MadeOf.PARSED})
        return self._variable(bare, depth, node.lineno) | self.tags(node.value, depth + 1)

    def _call(self, node: ast.Call, depth: int) -> Tags:
        name = self._module.name_of(node.func, self._function)
        last = name.rpartition(".")[2]
        known = _CALLS.get(name)
        if known is not None:
            return frozenset(known) | self._all(iter(node.args), depth)
        if _REQUEST.search(name):
            if last in {"json", "get_json", "form"}:
                return frozenset({MadeOf.PARSED})
            if last in {"body", "get_data", "read"}:
                return frozenset({MadeOf.BODY})
        inner = self._all(
            iter([node.func, *node.args, *(one.value for one in node.keywords)]), depth
        )
        if last not in _PASS_ON:
            inner -= {MadeOf.SECRET}
        if name.startswith("hmac.new") or "hmac.new()" in name or "hmac.HMAC" in name:
            return inner | {MadeOf.DIGEST}
        if last in {"generate_presigned_url", "generate_presigned_post", "generate_signed_url"}:
            return inner | {MadeOf.SIGNED_URL}
        if name in {"json.loads", "orjson.loads", "msgspec.json.decode", "ujson.loads"}:
            return frozenset({MadeOf.PARSED}) if MadeOf.BODY in inner else inner
        if last in {"get", "getlist", "pop"} and node.args:
            return inner | self._keyed(node.func, node.args[0])
        return inner

    def _keyed(self, owner: ast.AST, key: ast.AST) -> Tags:
        """What a mapping's value is, by its key."""
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            return NOTHING
        if _SIGNED.search(key.value):
            return frozenset({MadeOf.SIGNATURE})
        if _STAMP.search(key.value):
            return frozenset({MadeOf.STAMP})
        return frozenset({MadeOf.SECRET}) if SECRET_NAME.search(key.value) else NOTHING


def _named(name: str) -> Tags:
    found: set[MadeOf] = set()
    if SECRET_NAME.search(name):
        found.add(MadeOf.SECRET)
    if _SIGNED.search(name):
        found.add(MadeOf.SIGNATURE)
    return frozenset(found)
