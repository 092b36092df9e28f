"""The nine cases as a Markdown page."""

from bench.vault.cases import CASES

PAGE = """\
# Nine ways to lose a grant

Some providers accept each refresh token only once. A second use ends the grant with all its access
tokens, and the user has to connect again. Each row is an ordinary moment. Both libraries go through
it with the same fake provider (`bench/vault`); Authlib's clients are set up as its documentation
says. *yes* means that the application holds a working token afterwards, **no** that it does not.

Authlib does not claim to be a vault. It refreshes for one client object, and hands new tokens to a
callback. The table shows what you have to add around it.

Written by `python -m bench.vault --write docs/reference/refresh.md`.

"""


def page(results):
    """`results`: name to the verdict of each case."""
    lines = [f"| | | {' | '.join(results)} |", f"|---|---|{':---:|' * len(results)}"]
    for case, title in CASES.items():
        marks = [("yes" if found[case].right else "**no**") for found in results.values()]
        lines.append(f"| {case.upper()} | {title} | {' | '.join(marks)} |")
    lines += ["", "## What was seen", "", f"| | {' | '.join(results)} |"]
    lines.append(f"|---|{'---|' * len(results)}")
    for case in CASES:
        seen = [found[case].seen for found in results.values()]
        lines.append(f"| {case.upper()} | {' | '.join(seen)} |")
    lines += [
        "",
        "In row E nobody has the new tokens: they were in the lost answer. The vault does not send",
        "the old refresh token again, since a second use would end the grant at once. It hands out",
        "the access token until that expires, tells its listeners `in_doubt`, and then asks for",
        "the user.",
    ]
    return PAGE + "\n".join(lines) + "\n"
