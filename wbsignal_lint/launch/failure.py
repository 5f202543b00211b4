"""Does a place in a shell script depend on the failure of a command before it? ``rc=$?; if [ $rc -ne 0 ]; then …``"""

from __future__ import annotations

import re

__all__ = ["needs_failure"]

_COMMENT = re.compile(r"(?m)(?:^|(?<=\s))#.*$")
_KEPT = re.compile(
    r"\s*(?:[;\n]|\|\|)?\s*(?:(?:local|declare|typeset|export|readonly)\s+(?:-\w+\s+)?)?(?P<name>[A-Za-z_]\w*)=(?P<q>\"?)\$\?(?P=q)"
)
_NEXT = re.compile(r"\s*(?:[;\n]\s*)?")
_STATUS = r"[\"']?\$(?:NAME|\{NAME(?::?-0)?\})[\"']?"
"""``NAME`` stands for the variable, or for ``?``."""
_NONZERO = r"[\"']?(?!0+\b)\d+[\"']?"
_FAILED = (
    # false for 0: `[ $rc -ne 0 ]`, `[[ $rc == 143 ]]`, `test $rc -gt 128`
    rf"(?:(?:\[\[?|test)\s+{_STATUS}\s+(?:(?:-ne|!=|-gt)\s+[\"']?0[\"']?|(?:-eq|==?|-gt|-ge)\s+{_NONZERO})\s*(?:\]\]?)?"
    # `(( rc != 0 ))`, `(( rc ))`
    rf"|\(\(\s*\$?\{{?NAME\}}?\s*(?:(?:!=|>)\s*0|(?:==|>=?)\s*{_NONZERO})?\s*\)\))"
)
_BRANCH_ENDS = re.compile(r"(?:^|[;&|\n])[ \t]*(?:fi|else|elif|esac|done)(?![\w-])")
_PATTERN = re.compile(r"(?:^|[;\n])\s*\(?\s*(?P<values>[\w*|\"' \t?\[\]-]+)\)")


def needs_failure(before: str, between: str) -> bool:
    """Whether a place is reached only if a command before it failed, as far as the text says so in a usual form.

    Args:
        before: the text of the command's line up to the command.
        between: the text from behind the command up to the place.
    """
    between = _COMMENT.sub("", between)
    if re.search(r"(?:^|[;\s])if\s+!\s+$", before) is not None:
        then = re.match(r"\s*[;\n]\s*then\b", between)
        return then is not None and _stays_within(between[then.end() :])
    kept = _KEPT.match(between)
    if kept is None:
        start = _NEXT.match(between)
        return start is not None and _is_asked(between[start.end() :], r"\?")
    name, rest = kept["name"], between[kept.end() :]
    if re.search(rf"(?<![\w$]){name}=", rest) is not None:
        return False
    starts = re.finditer(r"(?:^|(?<=[;\n]))[ \t]*(?=if\b|case\b|\[|\(\(|test\b)", rest)
    return any(_is_asked(rest[start.end() :], name) for start in starts)


def _is_asked(text: str, name: str) -> bool:
    """Whether the text begins with a question for failure, whose yes leads to its end."""
    failed, status = (pattern.replace("NAME", name) for pattern in (_FAILED, _STATUS))
    asked = re.match(rf"if\s+{failed}\s*[;\n]\s*then\b", text)
    if asked is not None:
        return _stays_within(text[asked.end() :])
    if re.match(rf"{failed}\s*&&[^;\n&|]*$", text) is not None:
        return True
    asked = re.match(rf"case\s+{status}\s+in\b", text)
    return asked is not None and _takes_failure(text[asked.end() :])


def _stays_within(text: str) -> bool:
    return _BRANCH_ENDS.search(text) is None


def _takes_failure(cases: str) -> bool:
    """Whether the last pattern of the cases is one that 0 does not come to."""
    patterns = [[one.strip(" \t\"'") for one in match["values"].split("|")] for match in _PATTERN.finditer(cases)]
    if not patterns or not _stays_within(cases):
        return False
    last, earlier = patterns[-1], [value for values in patterns[:-1] for value in values]
    return all(value.isdigit() and int(value) > 0 for value in last) or (last == ["*"] and "0" in earlier)
