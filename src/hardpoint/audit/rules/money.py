"""Rules about amounts: exact, and not of the customer's choosing."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from hardpoint.audit.findings import ChecklistItem, Severity, Spot, likely
from hardpoint.audit.flow import MadeOf, ValueFlow
from hardpoint.audit.knowledge import knowledge
from hardpoint.audit.names import dotted
from hardpoint.audit.program import CallSite, CodeFunction, CodeModule
from hardpoint.audit.rules.making import constant, is_route, made, values_of

_MONEY: Final = re.compile(
    r"(^|_)(amount|price|total|subtotal|cost|fee|balance|dollars|euros|cents|charge|refund|payment)(s|_usd|_eur|_due|_paid)?$",
    re.IGNORECASE,
)
_RATIO: Final = re.compile(r"percent|ratio|rate|pct|progress|share", re.IGNORECASE)
_AMOUNTS: Final = frozenset({"amount", "unit_amount", "amount_money", "application_fee_amount"})


@made(
    "HP401",
    "money-in-floating-point",
    ChecklistItem.SECURITY,
    Severity.HIGH,
    "Money is multiplied by a hundred in floating point",
    "Use Decimal and the currency's own number of digits: JPY has none, KWD has three.",
)
def float_money(module: CodeModule) -> Iterator[Spot]:
    """`int(price * 100)`, `round(x * 100)`, `float(amount)` on its way to a payment."""
    for call in module.calls:
        if knowledge().mutates(call) and knowledge().sdk(call) is not None:
            for given in call.node.keywords:
                if given.arg in _AMOUNTS and _floats(given.value, call):
                    yield Spot(given.value, "the amount was a binary fraction on its way here")
        elif call.name in {"int", "round"} and call.node.args:
            scaled = _scaled(call.node.args[0])
            if (
                scaled is not None
                and not _RATIO.search(ast.unparse(scaled))
                and not _decimal(scaled, call)
            ):
                if _names_money(scaled) and _near_payment(module):
                    if not any(_inside(call.node, other) for other in module.calls):
                        yield Spot(
                            call.node, "19.99 * 100 is 1998.9999999999998, and yen have no cents"
                        )


def _near_payment(module: CodeModule) -> bool:
    return any(
        (sdk := knowledge().sdks.get(root)) is not None and sdk.money
        for root in module.names.imported
    )


def _inside(node: ast.Call, other: CallSite) -> bool:
    """Whether it is the very amount of a payment, which is told above."""
    return knowledge().pays(other) and any(
        inner is node
        for given in other.node.keywords
        if given.arg in _AMOUNTS
        for value in values_of(given.value, other.function)
        for inner in ast.walk(value)
    )


def _scaled(node: ast.expr) -> ast.expr | None:
    """What is multiplied by 100."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        if constant(node.right) == 100:
            return node.left
        if constant(node.left) == 100:
            return node.right
    if isinstance(node, ast.Call) and dotted(node.func) == "round" and node.args:
        return _scaled(node.args[0])
    return None


def _names_money(node: ast.expr) -> bool:
    if any(isinstance(one, ast.Div) for one in ast.walk(node)):
        return False
    names = [one.id for one in ast.walk(node) if isinstance(one, ast.Name)]
    names += [one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)]
    names += [str(constant(one)) for one in ast.walk(node) if isinstance(constant(one), str)]
    return any(_MONEY.search(one) for one in names)


def _decimal(node: ast.expr, call: CallSite) -> bool:
    seen = [one for each in values_of(node, call.function) for one in ast.walk(each)]
    return any(
        "Decimal" in (dotted(one.func) or "") for one in seen if isinstance(one, ast.Call)
    ) or any(
        one.arg in (dotted(node) or "")
        and one.annotation is not None
        and "Decimal" in ast.unparse(one.annotation)
        for one in call.function.parameters
    )


def _floats(node: ast.expr, call: CallSite) -> bool:
    """An amount made by float(), by a literal fraction, or by `* 100` under int() or round()."""
    for value in values_of(node, call.function):
        for one in _followed(value, call.function):
            if isinstance(one, ast.Call) and dotted(one.func) == "float":
                return True
            if isinstance(one, ast.Constant) and isinstance(one.value, float):
                return True
            if isinstance(one, ast.Call) and dotted(one.func) in {"int", "round"} and one.args:
                scaled = _scaled(one.args[0])
                if scaled is not None and not _decimal(scaled, call):
                    return True
    return False


def _followed(node: ast.AST, function: CodeFunction, depth: int = 3) -> Iterator[ast.AST]:
    for one in ast.walk(node):
        yield one
        if isinstance(one, ast.Name) and depth:
            for value in function.assigns.get(one.id, []):
                yield from _followed(value, function, depth - 1)


@made(
    "HP403",
    "amount-from-the-client",
    ChecklistItem.SECURITY,
    Severity.HIGH,
    "The customer says what it costs",
    "Take the price from your own store, by the ids that the request names.",
)
def client_amount(module: CodeModule) -> Iterator[Spot]:
    """An amount that flows from the request's body into a payment."""
    for call in module.calls:
        if not knowledge().pays(call):
            continue
        for given in call.node.keywords:
            if given.arg not in _AMOUNTS:
                continue
            if isinstance(given.value, ast.Attribute) and not _is_model(given.value, call):
                continue  # JSON is read by keys; an attribute is an object's of one's own
            flow = ValueFlow(module, call.function)
            if MadeOf.PARSED in flow.tags(given.value) and not _looked_up(given.value, call):
                yield Spot(given.value, "the amount is what the request says")
            elif _from_argument(given.value, module, call):
                yield likely(given.value, "the amount may be what the request says")


def _looked_up(node: ast.expr, call: CallSite) -> bool:
    """Whether a function of one's own stands between: it may ask the store."""
    own = {
        "int",
        "float",
        "str",
        "round",
        "Decimal",
        "get",
        "json",
        "get_json",
        "loads",
        "dict",
        "max",
        "min",
        "abs",
    }
    return any(
        isinstance(one, ast.Call) and (dotted(one.func) or "?").rpartition(".")[2] not in own
        for value in _followed(node, call.function)
        for one in [value]
    )


def _is_model(node: ast.Attribute, call: CallSite) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in {
        one.arg for one in call.function.parameters
    }


def _from_argument(node: ast.expr, module: CodeModule, call: CallSite) -> bool:
    bare = dotted(node) or ""
    taken = {one.arg for one in call.function.parameters}
    return is_route(module, call.function) is not None and bare.partition(".")[0] in taken


RULES: Final = (float_money, client_amount)
