"""Shell patterns as Go's path.Match reads them: in COPY's sources and in `--filter reference=`.

Follows Go's path.Match (path/match.go). Unlike Go, which reports a malformed pattern only where matching gets that far,
a malformed pattern is always an error.
"""

from __future__ import annotations

import re


def go_match(pattern: str) -> re.Pattern[str]:
    """Translate a pattern into a regular expression for `fullmatch`; raises ValueError for a malformed pattern.

    `*` is any text without a slash, `?` any character but a slash, `[a-z]` and `[^a-z]` one character of a class
    (`[^a-z]` may be a slash), and a backslash makes the next character an ordinary one, in a class too.
    """
    chunks, at = [""], 0  # the parts between asterisks
    while at < len(pattern):
        c, at = pattern[at], at + 1
        if c == "*":
            chunks.append("")
        elif c == "?":
            chunks[-1] += "[^/]"
        elif c == "[":
            inside, at = _class(pattern, at)
            chunks[-1] += inside
        else:
            if c == "\\":
                c, at = _character(pattern, at - 1)
            chunks[-1] += re.escape(c)
    first, *middle, last = [chunks[0], *filter(None, chunks[1:-1]), chunks[-1]] if len(chunks) > 1 else ["", chunks[0]]
    # If a chunk matches at all, its leftmost match will do: hence atomic groups, and no exponential backtracking.
    between = "".join(f"(?>[^/]*?{chunk})" for chunk in middle)
    return re.compile(f"{first}{between}{'[^/]*' if len(chunks) > 1 else ''}{last}", re.DOTALL)


def _class(pattern: str, at: int) -> tuple[str, int]:
    """Translate the class whose `[` ends at `at`; returns it and the offset behind its `]`. [b-a] matches nothing."""
    negated = pattern.startswith("^", at)
    at += negated
    ranges: list[str] = []
    while not (ranges and pattern.startswith("]", at)):
        first, at = _member(pattern, at)
        last = first
        if pattern.startswith("-", at):
            last, at = _member(pattern, at + 1)
        ranges.append(f"{re.escape(first)}-{re.escape(last)}" if first <= last else "")
    if not any(ranges):
        return "." if negated else "(?!)", at + 1
    return f"[{'^' if negated else ''}{''.join(ranges)}]", at + 1


def _member(pattern: str, at: int) -> tuple[str, int]:
    """One character of a class."""
    if pattern[at : at + 1] in ("", "-", "]"):
        why = "" if at == len(pattern) else r", or nothing in it (write '-' and ']' as '\-' and '\]')"
        raise ValueError(f"syntax error in pattern {pattern!r}: '[' without ']'{why}")
    return _character(pattern, at)


def _character(pattern: str, at: int) -> tuple[str, int]:
    """The character at an offset, or behind the backslash there, and the offset of the next one."""
    at += pattern[at] == "\\"
    if at == len(pattern):
        raise ValueError(f"syntax error in pattern {pattern!r}: nothing follows the backslash")
    return pattern[at], at + 1
