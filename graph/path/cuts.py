"""Where a LeaP block must not cut a thought: in a code fence, a display formula or a number."""

import re

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})", re.MULTILINE)
_ENVIRONMENT = re.compile(r"\\(begin|end)\{([A-Za-z]+\*?)\}")


def in_open_unit(text: str) -> bool:
    r"""Whether `text` ends inside a code fence or a display formula (`$$`, `\\[`, an environment of LaTeX)."""
    fence: str | None = None
    outside: list[str] = []
    position = 0
    for mark in _FENCE.finditer(text):
        if fence is None:
            outside.append(text[position : mark.start()])
            fence = mark[1]
        elif mark[1][0] == fence[0] and len(mark[1]) >= len(fence):
            fence = None
            position = mark.end()
    if fence is not None:
        return True
    formulas = "".join([*outside, text[position:]])
    if formulas.count("$$") % 2 or formulas.count("\\[") > formulas.count("\\]"):
        return True
    begun = [match[1] for match in _ENVIRONMENT.finditer(formulas)]
    return begun.count("begin") > begun.count("end")


def ends_in_number(text: str) -> bool:
    """Whether `text` ends with a digit, or a sign that a digit follows: the number may go on."""
    return bool(re.search(r"\d[.,/]?\Z", text[-4:]))
