"""Rules about webhooks' signatures: is it the vendor, is it new, and are these its bytes."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from hardpoint.audit.findings import ChecklistItem, Edit, Severity, Spot, proven, unproven
from hardpoint.audit.flow import MadeOf, ValueFlow
from hardpoint.audit.knowledge import knowledge
from hardpoint.audit.names import dotted
from hardpoint.audit.program import CallSite, CodeFunction, CodeModule
from hardpoint.audit.rules.making import (
    constant,
    handlers,
    made,
    verification,
    verified_elsewhere,
    verifies,
)


@made(
    "HP101",
    "signature-compared-with-equals",
    ChecklistItem.SECURITY,
    Severity.HIGH,
    "A signature is compared with ==",
    "`hmac.compare_digest(mine, theirs)` takes the same time wherever they differ.",
)
def with_equals(module: CodeModule) -> Iterator[Spot]:
    """`==` or `!=` where one side comes from HMAC."""
    if "hmac" not in module.source and "ignature" not in module.source:
        return
    for function in module.functions:
        for compare in function.compares:
            if len(compare.ops) != 1 or not isinstance(compare.ops[0], ast.Eq | ast.NotEq):
                continue
            sides = (compare.left, compare.comparators[0])
            if any(isinstance(one, ast.Constant) for one in sides):
                continue
            flow = ValueFlow(module, function)
            tags = [flow.tags(one) for one in sides]
            if any(
                isinstance(one, ast.Call) and dotted(one.func) in {"len", "type"} for one in sides
            ):
                continue
            if any(MadeOf.DIGEST in one for one in tags) and not module.is_test:
                yield Spot(
                    compare,
                    "how long it takes says how much of it is right",
                    edits=_constant_time(compare),
                    imports="hmac",
                )
    for call in module.calls:
        if call.name == "hmac.compare_digest":
            yield proven(call.node, "compared in constant time")


def _constant_time(compare: ast.Compare) -> tuple[Edit, ...]:
    """`hmac.compare_digest(a, b)` in its place, if it stands on one line."""
    if compare.end_lineno != compare.lineno or compare.end_col_offset is None:
        return ()
    negated = "not " if isinstance(compare.ops[0], ast.NotEq) else ""
    both = f"{ast.unparse(compare.left)}, {ast.unparse(compare.comparators[0])}"
    text = f"{negated}hmac.compare_digest({both})"
    return (Edit(compare.lineno, compare.col_offset, compare.lineno, compare.end_col_offset, text),)


@made(
    "HP102",
    "parsed-before-verified",
    ChecklistItem.SECURITY,
    Severity.HIGH,
    "A webhook is used before its signature is checked",
    "Verify the raw bytes first; parse and act afterwards.",
)
def parsed_first(module: CodeModule) -> Iterator[Spot]:
    """Something is changed or sent from the parsed body, above the line that verifies."""
    for function in handlers(module):
        check = verification(module, function)
        if check is None:
            continue
        flow = ValueFlow(module, function)
        for call in function.calls:
            if call.node.lineno >= check.node.lineno or call.node is check.node:
                continue
            if not (acts(call) or knowledge().sends(call)):
                continue
            if any(MadeOf.PARSED in flow.tags(one) for one in _given(call)):
                yield Spot(
                    call.node,
                    f"it acts on what nobody verified; that happens in line {check.node.lineno}",
                )
                break


def _given(call: CallSite) -> list[ast.expr]:
    return [*call.node.args, *(one.value for one in call.node.keywords)]


_ACTS: Final = re.compile(
    r"^(save|create|update|delete|execute|add|insert|commit|filter_by|delay|send_mail|apply_async|put)$"
)


def acts(call: CallSite) -> bool:
    """Whether a call changes or hands on something, by its name."""
    return _ACTS.match(call.last) is not None


@made(
    "HP103",
    "body-written-anew",
    ChecklistItem.SECURITY,
    Severity.HIGH,
    "The signature is computed over JSON that was written anew",
    "Compute it over the bytes as they came: `request.get_data()`, `await request.body()`.",
)
def written_anew(module: CodeModule) -> Iterator[Spot]:
    """`json.dumps` of the parsed body that flows into an HMAC or a verifier."""
    for call in module.calls:
        hmac = call.name in {"hmac.new", "hmac.digest"}
        if not hmac and not (
            verifies(module, call) and call.name in knowledge().words["verifiers"]
        ):
            continue
        flow = ValueFlow(module, call.function)
        for one in _given(call):
            tags = flow.tags(one)
            if MadeOf.DUMPED in tags and (MadeOf.PARSED in tags or not hmac):
                yield Spot(
                    call.node, "other blanks or another order, and a true signature is refused"
                )
                break


@made(
    "HP104",
    "signs-other-bytes",
    ChecklistItem.SECURITY,
    Severity.MEDIUM,
    "One encoding is signed, and another one is sent",
    "Write the bytes once, sign them and send them: `content=body`, or `data=body`.",
)
def other_bytes(module: CodeModule) -> Iterator[Spot]:
    """HMAC over `json.dumps(x)`, and the same `x` given as `json=`."""
    for call in module.calls:
        sent = call.keyword("json")
        if sent is None or knowledge().http(call) is None:
            continue
        flow = ValueFlow(module, call.function)
        headers = [
            one for one in (call.keyword("headers"), call.keyword("auth")) if one is not None
        ]
        if any({MadeOf.DIGEST, MadeOf.DUMPED} <= flow.tags(one) for one in headers):
            yield Spot(call.node, "the client writes its own JSON; what was signed is another text")


@made(
    "HP105",
    "no-timestamp-tolerance",
    ChecklistItem.SECURITY,
    Severity.MEDIUM,
    "A signed request of any age is accepted",
    "Refuse what was signed more than five minutes ago, before the signature is compared.",
)
def no_tolerance(module: CodeModule) -> Iterator[Spot]:
    """A timestamp goes into the HMAC, and is compared with no clock."""
    for function in module.functions[1:]:
        flow = ValueFlow(module, function)
        for call in function.calls:
            if call.name not in {"hmac.new", "hmac.digest"}:
                continue
            if not any(MadeOf.STAMP in flow.tags(one) for one in _given(call)):
                continue
            if function.parent is not None and _reads_clock(module, function):
                yield proven(call.node, "its age is checked")
            elif not any(MadeOf.STAMP in flow.tags(one.left) for one in function.compares):
                yield Spot(call.node, "the timestamp is signed, but its age is never looked at")
    for call in module.calls:
        if call.last == "construct_event":
            value = constant(call.keyword("tolerance"))
            if value is None or (
                isinstance(value, int) and not isinstance(value, bool) and value == 0
            ):
                if call.keyword("tolerance") is not None:
                    yield Spot(
                        call.node, "without a tolerance, an old request is as good as a new one"
                    )


def _reads_clock(module: CodeModule, function: CodeFunction) -> bool:
    known = {
        "time.time",
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "django.utils.timezone.now",
    }
    around = [
        one
        for each in function.chain()
        if not isinstance(each.node, ast.Module)
        for one in each.inner_calls()
    ]
    callers = [
        one
        for other in module.functions[1:]
        if any(module.called(call) is function for call in other.calls)
        for one in other.calls
    ]
    return any(
        one.name in known or one.last in {"now", "time", "utcnow"} for one in [*around, *callers]
    )


@made(
    "HP107",
    "webhook-unverified",
    ChecklistItem.SECURITY,
    Severity.HIGH,
    "Nobody checks who sent the webhook",
    "Verify the signature over the raw body before anything else.",
)
def unverified(module: CodeModule) -> Iterator[Spot]:
    """A webhook's handler that reads the body and checks no signature."""
    for function in handlers(module):
        check = verification(module, function)
        if check is not None:
            yield proven(check.node, "its signature is checked")
            continue
        if any(
            MadeOf.SECRET in ValueFlow(module, function).tags(side) or _of_header(side)
            for one in function.compares
            for side in (one.left, *one.comparators)
        ):
            yield unproven(
                function.node,
                f"`{function.name}` compares a secret; whether that is enough cannot be seen",
            )
            continue
        if verified_elsewhere(module, function):
            yield unproven(
                function.node,
                f"whether `{function.name}` is verified by what it depends on cannot be seen",
            )
            continue
        if _reads_body(function) and not _only_shows(function):
            handed = [
                one for one in function.calls if any(_is_request(given) for given in _given(one))
            ]
            found = unproven if handed else Spot
            yield found(function.node, f"`{function.name}` reads the body, and checks no signature")


def _is_request(node: ast.expr) -> bool:
    return dotted(node) in {"request", "req", "self.request", "request.headers"}


def _of_header(node: ast.expr) -> bool:
    return re.search(r"headers|META|HTTP_", ast.unparse(node)) is not None


def _reads_body(function: CodeFunction) -> bool:
    shown = ast.unparse(function.node)
    if re.search(r"request\.(json|get_json|data|body|get_data|form|POST|stream|values)\b", shown):
        return True
    route = any(one for one in function.decorators)
    models = [one for one in function.parameters if one.annotation is not None]
    names = {"Request", "Session", "AsyncSession", "Response", "BackgroundTasks", "Header"}
    return route and any(
        (ast.unparse(one.annotation or one)).rpartition(".")[2] not in names
        and "Depends" not in ast.unparse(one.annotation or one)
        and one.arg in {"payload", "event", "body", "data", "webhook"}
        for one in models
    )


def _only_shows(function: CodeFunction) -> bool:
    """One that does nothing with what it reads, but print or return it."""
    shown = {
        "print",
        "json",
        "get_json",
        "jsonify",
        "get_data",
        "get",
        "info",
        "debug",
        "loads",
        "Response",
        "body",
    }
    return all(one.last in shown for one in function.calls) and not function.branches


RULES: Final = (with_equals, parsed_first, written_anew, other_bytes, no_tolerance, unverified)
