"""Rules about calls that leave: how long they wait, whom they hold up, what of the answer."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from hardpoint.audit.findings import ChecklistItem, Edit, Severity, Spot, likely, proven
from hardpoint.audit.knowledge import knowledge, method_of
from hardpoint.audit.names import dotted
from hardpoint.audit.program import CallSite, CodeFunction, CodeModule
from hardpoint.audit.rules.making import constant, is_route, made, values_of

_THREADED: Final = re.compile(r"to_thread|run_in_executor|run_in_threadpool|sync_to_async|run_sync")
_CHECKED: Final = re.compile(
    r"raise_for_status|status_code|\.status\b|\.ok\b|is_success|is_error|\.reason\b|raise_for|HTTPError|['\"]errors?['\"]"
    r"|check_|_check|handle_|validate",
)
_SESSIONS: Final = frozenset({
    "requests.Session", "requests.session", "httpx.Client", "httpx.AsyncClient",
    "httpx2.Client", "httpx2.AsyncClient", "aiohttp.ClientSession", "urllib3.PoolManager",
})  # fmt: skip


@made(
    "HP301",
    "no-timeout",
    ChecklistItem.TIMEOUTS,
    Severity.MEDIUM,
    "A call waits for ever for a vendor that is silent",
    "Give a timeout: 5 to 30 seconds, or one for connecting and one for reading.",
)
def no_timeout(module: CodeModule) -> Iterator[Spot]:
    """Calls of clients that wait without a bound by default, or are told to."""
    patched = _timeouts_by_adapter(module)
    for call in module.calls:
        client = knowledge().http(call)
        if client is None:
            if call.name in _SESSIONS and call.root in {"httpx", "httpx2"}:
                if constant(call.keyword("timeout")) is None:
                    yield Spot(call.node, "`timeout=None` waits for ever")
            continue
        given = call.keyword("timeout")
        if given is None and client.timeout_position >= 0:
            given = call.argument(client.timeout_position, "timeout")
        if constant(given) is None:
            yield Spot(call.node, "`timeout=None` waits for ever")
        elif given is not None:
            yield proven(call.node, "it has a timeout")
        elif call.spread() or client.wait != "none" or (patched and "ession" in call.name):
            if client.wait == "300 s" and not _session_has(module):
                yield likely(call.node, "by default it waits five minutes")
        elif not _pool_has(module, call):
            yield Spot(
                call.node,
                f"no timeout: {client.name} waits for ever",
                edits=_added(call, client.name),
            )


def _added(call: CallSite, client: str) -> tuple[Edit, ...]:
    """`timeout=10` as the last argument, where that is safe to write."""
    end_line, end = call.node.end_lineno, call.node.end_col_offset
    if client != "requests" or end_line is None or end is None or end_line != call.node.lineno:
        return ()
    some = bool(call.node.args or call.node.keywords)
    return (Edit(end_line, end - 1, end_line, end - 1, ", timeout=10" if some else "timeout=10"),)


def _timeouts_by_adapter(module: CodeModule) -> bool:
    return (
        "mount(" in module.source
        and re.search(r"timeout", module.source, re.IGNORECASE) is not None
    )


def _session_has(module: CodeModule) -> bool:
    return any(
        one.keyword("timeout") is not None or one.spread()
        for one in module.calls
        if one.name == "aiohttp.ClientSession"
    )


def _pool_has(module: CodeModule, call: CallSite) -> bool:
    return call.root == "urllib3" and any(
        one.keyword("timeout") is not None
        for one in module.calls
        if one.last.endswith(("Manager", "Pool"))
    )


@made(
    "HP302",
    "blocking-call-in-async",
    ChecklistItem.RESILIENCE,
    Severity.MEDIUM,
    "The event loop stands still while a vendor thinks",
    "Use the asynchronous client or method, or `await asyncio.to_thread(...)`.",
)
def blocking(module: CodeModule) -> Iterator[Spot]:
    """A blocking client's call in a coroutine function."""
    for call in module.calls:
        if not call.function.is_async:
            continue
        if isinstance(call.parent, ast.Await):
            continue
        if call.name == "time.sleep":
            if _integrates(module):
                yield Spot(call.node, "`time.sleep` holds up every other request")
        elif knowledge().blocks(call) and not _in_lambda(call):
            yield Spot(call.node, f"`{dotted(call.node.func) or call.last}` blocks the event loop")


def _integrates(module: CodeModule) -> bool:
    return any(knowledge().sends(call) for call in module.calls)


def _in_lambda(call: CallSite) -> bool:
    if isinstance(call.parent, ast.Lambda):
        return True
    return any(
        isinstance(one, ast.Lambda) and any(inner is call.node for inner in ast.walk(one))
        for other in call.function.calls
        if _THREADED.search(other.last)
        for one in [*other.node.args, *(each.value for each in other.node.keywords)]
    )


@made(
    "HP303",
    "client-made-per-call",
    ChecklistItem.RESILIENCE,
    Severity.LOW,
    "A connection pool is made and thrown away with each call",
    "Make the client once, when the application starts, and close it when it ends.",
)
def client_per_call(module: CodeModule) -> Iterator[Spot]:
    """A client made in a loop, or in a request's handler."""
    for call in module.calls:
        if call.name not in _SESSIONS:
            continue
        if call.loops and not isinstance(call.parent, ast.Return):
            yield Spot(call.node, "a client is made in each round of the loop")
        elif is_route(module, call.function) is not None:
            yield likely(call.node, "a client is made for each request")


@made(
    "HP304",
    "status-never-checked",
    ChecklistItem.RESILIENCE,
    Severity.MEDIUM,
    "An error page is taken for an answer",
    "`raise_for_status()` before the answer is read, or look at the status.",
)
def status_unchecked(module: CodeModule) -> Iterator[Spot]:
    """`.json()` of an answer whose status nobody looked at."""
    for call in module.calls:
        if call.last != "json" or call.node.args or not isinstance(call.node.func, ast.Attribute):
            continue
        maker = _request_of(call.node.func.value, call.function)
        if maker is None:
            continue
        whole = call.function
        while whole.parent is not None and not isinstance(whole.parent.node, ast.Module):
            whole = whole.parent
        if _CHECKED.search(ast.unparse(whole.node)) or "raise_for_status" in module.source:
            if "raise_for_status" in ast.unparse(whole.node):
                yield proven(call.node, "the status is checked")
            continue
        yield Spot(call.node, "the answer is read, whatever its status")


def _request_of(node: ast.expr, function: CodeFunction) -> CallSite | None:
    """The call over HTTP that an expression is the answer of."""
    for value in values_of(node, function):
        if isinstance(value, ast.Await):
            value = value.value  # noqa: PLW2901 - what is awaited is what is asked for
        for call in function.calls:
            if call.node is value and knowledge().http(call) is not None and call.root != "urllib":
                return call
    return None


@made(
    "HP305",
    "first-page-only",
    ChecklistItem.RESILIENCE,
    Severity.MEDIUM,
    "Only the first page of a list is seen",
    "Use the package's own iterator (`auto_paging_iter()`), or ask for further pages.",
)
def first_page(module: CodeModule) -> Iterator[Spot]:
    """`.list(...).data` in a loop, or as a whole, with no further page."""
    for call in module.calls:
        sdk = knowledge().sdk(call)
        if sdk is None or call.last.removesuffix("_async") not in sdk.lists:
            continue
        limit = constant(call.keyword("limit"))
        if limit == 1 or "has_more" in module.source or "starting_after" in module.source:
            continue
        taken = isinstance(call.parent, ast.Attribute) and call.parent.attr == "data"
        iterated = any(
            isinstance(one, ast.For) and _data_of(one.iter, call) for one in call.function.loops
        )
        if iterated or (taken and not _first_taken(call)):
            yield Spot(call.node, "further pages are never asked for")


def _data_of(node: ast.expr, call: CallSite) -> bool:
    """`xs.data` or `xs["data"]`, where `xs` is what the call gave."""
    match node:
        case (
            ast.Attribute(value=value, attr="data")
            | ast.Subscript(value=value, slice=ast.Constant(value="data"))
        ):
            pass
        case _:
            value = node
            if not isinstance(node, ast.Call):
                return False
    return any(one is call.node for one in values_of(value, call.function))


def _first_taken(call: CallSite) -> bool:
    """`.data[0]` means the first, and knows it."""
    return any(
        isinstance(one.value, ast.Attribute) and one.value.value is call.node
        for one in call.function.subscripts
    ) or any(
        len(values) == 1 and values[0] is call.parent and _indexed(name, call.function)
        for name, values in call.function.assigns.items()
    )


def _indexed(name: str, function: CodeFunction) -> bool:
    return any(
        dotted(one.value) == name and constant(one.slice) == 0 for one in function.subscripts
    )


@made(
    "HP306",
    "partial-failure-ignored",
    ChecklistItem.RESILIENCE,
    Severity.MEDIUM,
    "Some of a batch were refused, and nobody looks",
    "Read `Failed`, `FailedRecordCount` or `UnprocessedItems`, and send those again.",
)
def partial(module: CodeModule) -> Iterator[Spot]:
    """The answer of a batch operation that is dropped."""
    for call in module.calls:
        sdk = knowledge().sdk(call)
        if sdk is None or call.last not in sdk.batches:
            continue
        if isinstance(call.parent, ast.Expr | ast.Await):
            yield Spot(
                call.node, f"the answer of `{call.last}` says what was refused, and is dropped"
            )
        else:
            yield proven(call.node, "the answer is kept")


@made(
    "HP307",
    "call-within-transaction",
    ChecklistItem.RESILIENCE,
    Severity.HIGH,
    "A vendor is called within a database transaction",
    "Commit first and call afterwards, from an outbox: a rollback does not take a payment back.",
)
def in_transaction(module: CodeModule) -> Iterator[Spot]:
    """A call over the network within `atomic()`, `session.begin()` or their decorators."""
    for call in module.calls:
        if not (
            knowledge().sends(call) and (knowledge().mutates(call) or knowledge().blocks(call))
        ):
            continue
        around = [*call.withs, *(one for each in call.function.chain() for one in each.decorators)]
        if any(_is_transaction(one, call.function, module) for one in around):
            yield Spot(call.node, "a rollback takes the row back, but not what the vendor did")


def _is_transaction(node: ast.expr, function: CodeFunction, module: CodeModule) -> bool:
    bare = node.func if isinstance(node, ast.Call) else node
    name = module.name_of(bare, function)
    if name in knowledge().words["transactions"] or name.endswith("transaction.atomic"):
        return True
    last = name.rpartition(".")[2]
    return isinstance(node, ast.Call) and last == "begin" and not node.args


@made(
    "HP308",
    "process-wide-credential",
    ChecklistItem.SECURITY,
    Severity.HIGH,
    "One account's key is set for the whole process",
    "Make a client object for each account; a second request changes what is set for all.",
)
def process_wide(module: CodeModule) -> Iterator[Spot]:
    """`stripe.api_key = ...` from an argument, within a function."""
    for function in module.functions[1:]:
        for name, values in function.assigns.items():
            if not name.endswith(".api_key") or module.names.resolve(
                ast.Name(name.partition(".")[0]), function
            ) not in {"stripe", "openai", "sendgrid"}:
                continue
            for value in values:
                root, _, attribute = (dotted(value) or "").partition(".")
                if root in {one.arg for one in function.parameters} - {
                    "self",
                    "cls",
                    "settings",
                    "config",
                }:
                    yield (Spot if attribute else likely)(
                        value, "set for the process, so requests change each other's account"
                    )


@made(
    "HP310",
    "unbounded-pagination",
    ChecklistItem.RESILIENCE,
    Severity.LOW,
    "Pages are followed for as long as the vendor names another",
    "Count the pages, and stop with an error where there are more than can be.",
)
def endless_pages(module: CodeModule) -> Iterator[Spot]:
    """A `while` over a next link or a cursor that nothing else ends."""
    for function in module.functions:
        for loop in function.loops:
            if not isinstance(loop, ast.While) or not _pages(loop, function):
                continue
            if _bounded(loop):
                yield proven(loop, "the number of pages has an end")
            else:
                yield Spot(
                    loop,
                    "nothing but the vendor ends it; a cursor that repeats never does",
                )


def _pages(loop: ast.While, function: CodeFunction) -> bool:
    asked = [
        call
        for call in function.calls
        if loop in call.loops
        and knowledge().http(call) is not None
        and method_of(call) not in {"put", "delete"}
    ]
    inner = [call for call in asked if call.loops and call.loops[-1] is loop]
    shown = ast.unparse(loop)
    return (
        bool(inner)
        and re.search(
            r"next_?(page|url|link|cursor|token)?\b|cursor|has_?more|page_?token|(page|offset) \+=",
            shown,
            re.IGNORECASE,
        )
        is not None
        and not any(call.tries and call.tries[-1] in loop.body for call in inner if False)
    )


def _bounded(loop: ast.While) -> bool:
    order = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
    compared = [one for one in ast.walk(loop) if isinstance(one, ast.Compare)]
    if any(isinstance(op, order) for one in compared for op in one.ops):
        return True
    return any(
        isinstance(op, ast.In | ast.NotIn) and "seen" in ast.unparse(one)
        for one in compared
        for op in one.ops
    )


RULES: Final = (
    no_timeout,
    blocking,
    client_per_call,
    status_unchecked,
    first_page,
    partial,
    in_transaction,
    process_wide,
    endless_pages,
)
