"""How a rule is written down: `made` turns a function into a `Rule`; and what several rules ask."""

import ast
import re
from collections.abc import Callable, Iterator
from typing import Final

from hardpoint.audit.findings import ChecklistItem, Rule, RuleCheck, Severity
from hardpoint.audit.knowledge import knowledge
from hardpoint.audit.names import dotted
from hardpoint.audit.program import CallSite, CodeFunction, CodeModule

_ROUTES: Final = re.compile(
    r"(^|\.)(flask|fastapi|quart|starlette|sanic|litestar|aiohttp|ninja|rest_framework|bottle)\b.*"
    r"\.(route|post|api_route|add_route|put|api_view)$",
    re.IGNORECASE,
)
_LOOSE_ROUTES: Final = re.compile(r"(app|router|bp|blueprint|api|routes)\.(route|post|api_route)$")
_HOOK: Final = re.compile(
    r"web_?hook|(^|[/_-])hooks?([/_-]|$)|(^|[/_-])ipn([/_-]|$)|stripe.?events?|slack.?events?"
    r"|notifications?/(stripe|paypal|square)|^/?(stripe|github|shopify|paypal|twilio|sendgrid|slack"
    r"|square)(/events)?/?$",
    re.IGNORECASE,
)
_OUTGOING: Final = re.compile(
    r"(create|register|delete|list|update|get|send|post|add|remove|test|trigger|set|setup|dispatch|fire"
    r"|configure)_?\w*web_?hook",
    re.IGNORECASE,
)


def made(
    id: str,  # noqa: A002 - what a rule's number is called
    name: str,
    item: ChecklistItem,
    severity: Severity,
    title: str,
    remedy: str,
    *,
    tests_too: bool = False,
) -> Callable[[RuleCheck], Rule]:
    """Turn a function that finds places into a rule."""
    return lambda check: Rule(id, name, item, severity, title, remedy, check, tests_too)


def is_route(module: CodeModule, function: CodeFunction) -> str | None:
    """The path a function is served under, '' if it cannot be seen, None if it is not served."""
    for name, node in module.decorator_names(function):
        if name.endswith("csrf_exempt"):
            return ""
        if _ROUTES.search(name) or _LOOSE_ROUTES.search(dotted_of(node)):
            path = node.args[0] if isinstance(node, ast.Call) and node.args else None
            value = path.value if isinstance(path, ast.Constant) else ""
            return value if isinstance(value, str) else ""
    return None


def is_webhook(module: CodeModule, function: CodeFunction) -> bool:
    """Whether a vendor calls it: by its path, its name, or because it verifies one."""
    path = is_route(module, function)
    named = _HOOK.search(function.name) is not None and not _OUTGOING.search(function.name)
    if path is not None:
        return named or _HOOK.search(path) is not None
    takes = {one.arg for one in function.parameters}
    return named and function.node is not module.tree and bool(takes & {"request", "req"})


def handlers(module: CodeModule) -> Iterator[CodeFunction]:
    """The functions that receive webhooks."""
    if any(one in module.lowered for one in _HOOK_WORDS):
        yield from (one for one in module.functions if is_webhook(module, one))


_HOOK_WORDS: Final = (
    "hook",
    "ipn",
    "stripe",
    "github",
    "shopify",
    "paypal",
    "twilio",
    "slack",
    "square",
)
_VERIFYING: Final = re.compile(
    r"verif|validat\w*_?(signature|webhook|request|hmac|token)|signature|construct_?event|check_(sig|hmac|auth|token)"
    r"|authenticat|compare_digest|is_valid|unwrap|parse_webhook|constant_time_compare|authorize",
    re.IGNORECASE,
)


def verifies(module: CodeModule, call: CallSite) -> bool:
    """Whether a call checks a signature, by what is known of it, or by its name."""
    if call.name in knowledge().words["verifiers"] or call.last == "construct_event":
        return True
    if _VERIFYING.search(call.last):
        return True
    own = module.called(call)
    return own is not None and any(
        one.last == "compare_digest" or _VERIFYING.search(one.last) for one in own.calls
    )


def verification(module: CodeModule, function: CodeFunction) -> CallSite | None:
    """The first call of a function that checks a signature."""
    return next((one for one in function.inner_calls() if verifies(module, one)), None)


def verified_elsewhere(module: CodeModule, function: CodeFunction) -> bool:
    """Whether a decorator, a dependency or a base class may do it."""
    known = re.compile(
        r"verif|signature|signed|secure|auth|validat|hmac|require|protect|token", re.IGNORECASE
    )
    for node in function.decorators:
        if known.search(ast.unparse(node)):
            return True
    if isinstance(function.node, ast.Module):
        return False
    given = function.node.args
    if any(known.search(ast.unparse(one)) for one in [*given.defaults, *given.kw_defaults] if one):
        return True
    for one in function.parameters:
        if one.annotation is not None and "Depends" in ast.unparse(one.annotation):
            return True
    return bool(
        function.klass and any(known.search(one) for one in module.names.bases(function.klass))
    )


def dotted_of(node: ast.expr) -> str:
    """What a decorator is called, as it is written."""
    return dotted(node.func if isinstance(node, ast.Call) else node) or ""


def constant(node: ast.AST | None) -> object:
    """A literal's value; `...` where it is none."""
    return node.value if isinstance(node, ast.Constant) else ...


def catches_all(handler: ast.ExceptHandler) -> bool:
    """`except:`, `except Exception` or `except BaseException`."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(one is None or dotted(one) in {"Exception", "BaseException"} for one in kinds)


def leaves(body: list[ast.stmt]) -> bool:
    """Whether a block ends by raising, returning or breaking, whatever happens in it."""
    for one in body:
        if isinstance(one, ast.Raise | ast.Return | ast.Break):
            return True
        if isinstance(one, ast.If) and one.orelse and leaves(one.body) and leaves(one.orelse):
            return True
    return False


def reraises(handler: ast.ExceptHandler) -> bool:
    """Whether an error goes on, in some way."""
    return any(isinstance(one, ast.Raise) for part in handler.body for one in ast.walk(part))


def string_keys(node: ast.AST | None) -> set[str]:
    """The literal keys of a dict, or the keywords of `dict()`."""
    if isinstance(node, ast.Dict):
        keys = {one.value for one in node.keys if isinstance(one, ast.Constant)}
        return {one for one in keys if isinstance(one, str)}
    if isinstance(node, ast.Call):
        return {one.arg for one in node.keywords if one.arg}
    return set()


def values_of(node: ast.AST | None, function: CodeFunction) -> list[ast.AST]:
    """An expression, or what the variable of that name was bound to around here."""
    if node is None:
        return []
    bare = dotted(node)
    if bare is None:
        return [node]
    for scope in function.chain():
        if bare in scope.assigns:
            return list(scope.assigns[bare])
    return [node]
