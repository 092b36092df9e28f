"""Rules about handling webhooks: answered in time, nothing lost, nothing done twice."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from hardpoint.audit.findings import ChecklistItem, Severity, Spot, proven, unproven
from hardpoint.audit.knowledge import knowledge
from hardpoint.audit.program import CallSite, CodeFunction, CodeModule
from hardpoint.audit.rules.making import (
    catches_all,
    handlers,
    leaves,
    made,
    reraises,
    verification,
    verifies,
)
from hardpoint.audit.rules.signatures import acts

_DEDUPES: Final = re.compile(
    r"get_or_create|update_or_create|on_conflict|ignore_conflicts|bulk_create|IntegrityError|UniqueViolation"
    r"|setnx|nx=True|\.add\(|already|duplicate|processed|seen|dedup|idempot|exists\(\)|DoesNotExist|event_id"
    r"|insert or ignore|do nothing",
    re.IGNORECASE,
)


_HANDS_ON: Final = re.compile(
    r"\.delay$|apply_async|enqueue|\.put$|put_nowait|send_task|add_task|send_message|publish|\.store$|\.submit$"
    r"|\.dispatch$|\.push$|\.rpush$|\.lpush$|\.xadd$|create_task|\.defer|kiq$|save_event|record_event",
)


_LOSES: Final = re.compile(
    r"raise|abort\(|4\d\d|5\d\d|retry|store|save|put|delay|enqueue|Bad|Error|dead", re.IGNORECASE
)


_CHANGES: Final = re.compile(
    r"\+=|-=|\.save\(|\.commit\(|\.create\(|\.execute\(|\.insert|\.update\("
)


@made(
    "HP109",
    "works-before-it-answers",
    ChecklistItem.RESILIENCE,
    Severity.MEDIUM,
    "Slow work is done before the vendor is answered",
    "Store the event, answer 200, and let a worker do the rest.",
)
def works_first(module: CodeModule) -> Iterator[Spot]:
    """Calls over the network, mail or sleep between verification and the answer."""
    mailers = knowledge().words["mailers"]
    for function in handlers(module):
        for call in function.calls:
            slow = (
                (knowledge().sends(call) and not _vendor_lookup(call))
                or call.name in mailers
                or call.name in {"time.sleep", "asyncio.sleep"}
            )
            if slow and not _HANDS_ON.search(call.name) and not verifies(module, call):
                yield Spot(
                    call.node, "the vendor waits for it, gives up, and sends the event again"
                )
                break


def _vendor_lookup(call: CallSite) -> bool:
    """To ask the vendor for the object that an event names is what some of them advise."""
    sdk = knowledge().sdk(call)
    return sdk is not None and call.last.removesuffix("_async") in {"retrieve", "get", "fetch"}


@made(
    "HP110",
    "failure-acknowledged",
    ChecklistItem.RESILIENCE,
    Severity.HIGH,
    "A failure is answered with 200, and the event is gone",
    "Let the error out, or answer 5xx, so that the vendor sends it again; or store it first.",
)
def acknowledged(module: CodeModule) -> Iterator[Spot]:
    """`except Exception` in a webhook's handler that goes on to answer success."""
    for function in handlers(module):
        for attempt in function.tries:
            inside = [one for one in function.calls if attempt in one.tries]
            working = [one for one in inside if not verifies(module, one)]
            if any(_HANDS_ON.search(one.name) for one in inside) and len(working) < 2:
                continue
            for handler in attempt.handlers:
                if not catches_all(handler) or reraises(handler):
                    continue
                shown = ast.unparse(ast.Module(handler.body, []))
                told = re.sub(
                    r"(print|log\w*\.\w+|logging\.\w+|capture_exception)\(.*\)", "", shown
                )
                if _LOSES.search(told) or not any(not _is_parse(one) for one in working):
                    continue
                yield Spot(handler, "the vendor hears 200 and never sends it again")


def _is_parse(call: CallSite) -> bool:
    return call.last in {
        "loads",
        "json",
        "get_json",
        "get_data",
        "body",
        "get",
        "decode",
        "construct_event",
        "print",
    }


@made(
    "HP111",
    "repeat-has-a-second-effect",
    ChecklistItem.IDEMPOTENCY,
    Severity.HIGH,
    "A repeated event takes effect twice",
    "Insert the event's id under a unique index, in the transaction of the work; skip known ones.",
)
def no_dedupe(module: CodeModule) -> Iterator[Spot]:
    """A handler that adds to something, or looks before it inserts, with no unique insert first."""
    for function in handlers(module):
        if verification(module, function) is None:
            continue
        shown = ast.unparse(function.node)
        adds = re.search(r"\w+(\.\w+|\[[^]]+\])+ [+-]= ", shown) or any(
            knowledge().mutates(one) and knowledge().sdk(one) is not None for one in function.calls
        )
        checks = _looks_first(module, function)
        if checks is not None:
            yield Spot(checks, "two deliveries at once both look, both see nothing, and both act")
        elif adds and not _DEDUPES.search(shown):
            yield Spot(function.node, f"`{function.name}` adds each time the event comes")
        elif _DEDUPES.search(shown):
            yield proven(function.node, "it knows the events that it has seen")
        elif _CHANGES.search(shown):
            yield unproven(
                function.node, f"whether a repeat of `{function.name}` does harm cannot be seen"
            )


def _looks_first(module: CodeModule, function: CodeFunction) -> ast.AST | None:
    """`if seen: return`, then work, then an insert that comes last."""
    shown = ast.unparse(function.node)
    if re.search(
        r"get_or_create|on_conflict|IntegrityError|ignore_conflicts|nx=True|setnx|select_for_update|unique",
        shown,
        re.IGNORECASE,
    ):
        return None
    for branch in function.branches:
        test = ast.unparse(branch.test)
        if not leaves(branch.body) or not re.search(
            r"exists\(|\.first\(|\.get\(|scalar|already|seen|processed| in ", test
        ):
            continue
        if not re.search(r"event|evt|delivery|webhook", test, re.IGNORECASE):
            continue
        later = [one for one in function.calls if one.node.lineno > branch.lineno]
        recorded = [
            one
            for one in later
            if one.last in {"create", "add", "insert", "save", "set", "append"}
            and re.search(
                r"event|evt|seen|processed|delivery|webhook", ast.unparse(one.node), re.IGNORECASE
            )
        ]
        others = [one for one in later if one not in recorded and _works(module, one)]
        if (
            recorded
            and others
            and min(one.node.lineno for one in others) < recorded[-1].node.lineno
        ):
            return branch
    return None


def _works(module: CodeModule, call: CallSite) -> bool:
    return (
        acts(call)
        or knowledge().sends(call)
        or module.called(call) is not None
        or call.last in {"fulfil", "fulfill", "handle", "process", "ship", "send"}
    )


RULES: Final = (works_first, acknowledged, no_dedupe)
