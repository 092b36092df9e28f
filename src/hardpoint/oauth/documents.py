"""JSON written by others: one reading of every document, or none.

Two readers that disagree about a repeated name, or about `NaN`, are how a checked value and a used
one come apart; such documents are refused.
"""

import json
from collections.abc import Sequence
from typing import Any, NoReturn


def json_object(text: bytes, *, bytes_max: int) -> dict[str, Any]:
    """A JSON object, with the numbers and nesting that JSON knows.

    Raises:
        ValueError: too large, not UTF-8, not JSON, nested beyond reason, no object at its top, a
            name that stands twice, or a number that is none.
    """
    if len(text) > bytes_max:
        raise ValueError(f"is larger than {bytes_max} bytes")
    try:
        document = json.loads(text.decode(), object_pairs_hook=_unique, parse_constant=_no_number)
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    except json.JSONDecodeError:
        raise ValueError("is not JSON") from None
    except RecursionError:
        raise ValueError("is nested too deep") from None
    if not isinstance(document, dict):
        raise ValueError("is not an object")  # noqa: TRY004 - of the document, not of an argument
    return document  # pyright: ignore[reportUnknownVariableType] - any JSON


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("has a name that stands twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"holds {text}, which is no number")
