"""Text that a path did not write itself: harmless before it enters the path's history.

Every replacement keeps the text's length or adds to it, and removal comes first, so two
harmless halves cannot close up into a marker.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache

LEAP_TAGS = ("<summarize>", "</summarize>", "<comment>", "</comment>", "<think>", "</think>")

_TAG_NAMES = "summarize|comment|think|tool_call|tool_response"
_ROLES = "user|assistant|system|human|developer|tool"
_BREAKS = str.maketrans(
    {"<": "‹", ">": "›", "|": "¦", "[": "(", "]": ")", "`": "'"}
    | {"＜": "‹", "＞": "›", "｜": "¦", "［": "(", "］": ")", "｀": "'", "\u1fef": "'"}
    | {"﹤": "‹", "﹥": "›", "﹇": "(", "﹈": ")"}
)

_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_LINE_ENDS = re.compile("[\r\x0b\x0c\x85\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")
# C1 controls, soft hyphen, fillers, bidi marks, tags and the other characters that no reader sees.
_INVISIBLE = re.compile(
    "[\x80-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Emoji need variation selectors and joiners; elsewhere they only hide markers.
_STRAY_SELECTOR = re.compile("(?<![©®‼⁉\u2190-\ufdff\ufe10-\U0003ffff])(?!(?<=[0-9#*])\ufe0f\u20e3)[\ufe00-\ufe0f]+")
_STRAY_JOINER = re.compile(
    "(?<![\u2190-\u2bff\ufe0f\U0001f000-\U0001faff])\u200d|\u200d(?![\u2190-\u2bff\U0001f000-\U0001faff])"
)

# Possessive, and no two runs of blanks in a row: linear on hostile text.
_ANGLE = re.compile(
    rf"<(?:\s*+(?:/\s*+)?(?:{_TAG_NAMES})\s*+>|/?(?:{_TAG_NAMES})\b|\|[^|<>\n]{{1,64}}\|>)", re.IGNORECASE
)
# Of Llama 2, Mistral and Gemma: other models have read them too, and have no tokens for them.
_TURNS = re.compile(
    r"\[/?(?:INST|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS)\]|<</?SYS>>|<(?:start|end)_of_turn>", re.IGNORECASE
)
_FENCE = re.compile("```+")
# Each scan begins with a literal, which `re` finds with memchr; "^" would be tried at every character.
_ROLE = re.compile(rf"\n[ \t>*#_-]*+({_ROLES})(?=[ \t*_]*:)", re.IGNORECASE)
_BRACKETED = (re.compile(r"<[^<>]{1,126}>"), re.compile(r"\[[^\[\]]{1,126}\]"))


def neutralise(
    text: str, markers: Iterable[str] = (), *, labels: Iterable[str] = (), max_chars: int | None = None
) -> str:
    r"""Makes text from a tool or a peer harmless, and changes nothing else.

    Broken: LeaP's tags, `<tool_call>`, `<tool_response>`, `<|...|>`, `<｜...｜>`, `[INST]`, `<<SYS>>`,
    `<start_of_turn>` and their like, fences, role words at the start of a line, and every text in `markers` (a model's
    special tokens, a protocol's tags), in any case and in any spelling that NFKC makes equal. Removed: bidi,
    zero-width and control characters except `\n` and `\t`. Lone surrogates become U+FFFD. Idempotent. Blank and
    one-character `markers` are vocabulary, not control, and are left alone. `labels` say whose words follow, as role
    words do ("Peer 1", which stands for every number): at the start of a line, before a colon or a parenthesis, they
    are put into quotes.
    With `max_chars`, the middle is cut out so that the result has at most that many characters.
    """
    patterns = (*_compiled(frozenset(markers)), _label_lines(tuple(labels)))
    text = _harmless(text, *patterns)
    for _ in range(4):
        if max_chars is None or len(text) <= max_chars:
            return text
        text = _harmless(shorten(text, max_chars), *patterns)  # a cut through "<thinking" leaves a "<think"
    return "…"[:max_chars]


def has_marker(text: str, markers: Iterable[str] = ()) -> bool:
    """Whether `neutralise` would change more than invisible characters of `text`."""
    text = _visible(text)
    return _broken(text, *_compiled(frozenset(markers)), None, _defused) != text


def shorten(text: str, max_chars: int) -> str:
    """At most `max_chars` characters of `text`: its head and its tail, with a note of what was cut between them."""
    if max_chars < 0:
        raise ValueError(f"max_chars={max_chars!r} is negative")
    if len(text) <= max_chars:
        return text
    # No line break around the note: the tail must not become a line start, where role words count.
    keep = max_chars - len(f"…[{len(text)} characters cut]…")
    if keep < 2:
        return text[:max_chars].rstrip("\u200d")
    head, tail = text[: keep - keep // 2].rstrip("\u200d"), text[len(text) - keep // 2 :].lstrip("\u200d\ufe0e\ufe0f")
    return f"{head}…[{len(text) - len(head) - len(tail)} characters cut]…{tail}"


def one_line(text: str, markers: Iterable[str] = (), *, max_chars: int) -> str:
    """`text` as `neutralise` makes it, on one line of at most `max_chars` characters, for labels.

    An ellipsis stands for what was cut out of the middle. Idempotent.
    """
    for _ in range(8):
        line = " ".join(neutralise(text, markers).split())
        if len(line) > max_chars:
            tail = (max_chars - 1) // 2
            line = f"{line[: max_chars - 1 - tail].rstrip()}…{line[len(line) - tail :].lstrip()}"
        if line == text:
            if not has_marker(line, markers):
                return line
            max_chars -= 1  # the cut takes out what made it harmless; a shorter text is cut elsewhere
        text = line  # joined lines, or a cut through one, may spell what each alone did not
    return "…"


def _harmless(text: str, loose: re.Pattern[str] | None, names: frozenset[str], labels: re.Pattern[str] | None) -> str:
    text = _visible(text)
    for _ in range(8):
        broken = _broken(text, loose, names, labels, _defused)
        if broken == text:
            return text
        text = _visible(broken)
    # Markers made of our own replacement characters: deleting shrinks the text, so this ends.
    while (shorter := _visible(_broken(text, loose, names, labels, lambda _marker: ""))) != text:
        text = shorter
    return text


def _visible(text: str) -> str:
    text = _LINE_ENDS.sub("\n", text.replace("\r\n", "\n"))
    text = _CONTROL.sub("", _ESCAPE_SEQUENCE.sub("", text))
    if text.isascii():
        return text
    text = _INVISIBLE.sub("", _SURROGATES.sub("\ufffd", text))
    return _STRAY_JOINER.sub("", _STRAY_SELECTOR.sub("", text))


def _broken(
    text: str,
    loose: re.Pattern[str] | None,
    names: frozenset[str],
    labels: re.Pattern[str] | None,
    defuse: Callable[[str], str],
) -> str:
    """`text` with `defuse` applied to every marker that its NFKC form shows."""
    seen, origin = _folded(text)
    spans = [match.span() for scan in (_ANGLE, _TURNS, _FENCE, loose) if scan for match in scan.finditer(seen)]
    if names:
        spans += [m.span() for scan in _BRACKETED for m in scan.finditer(seen) if m.group().lower() in names]
    # The line break put before the text shifts every index by one.
    roles = {
        (match.start(1) - 1, match.end(1) - 1)
        for scan in (_ROLE, labels)
        if scan
        for match in scan.finditer(f"\n{seen}")
    }
    pieces: list[str] = []
    done = 0
    for span in sorted({*spans, *roles}):
        start, end = span if origin is None else (origin[span[0]], origin[span[1] - 1] + 1)
        if start >= done:  # of two markers that overlap, the next pass finds the second
            marker = text[start:end]
            pieces += text[done:start], f"'{marker}'" if span in roles else defuse(marker)
            done = end
    return "".join(pieces) + text[done:] if pieces else text


def _defused(marker: str) -> str:
    plain = marker.translate(_BREAKS)
    return plain if plain != marker else f"{marker[0]}·{marker[1:]}"


def _folded(text: str) -> tuple[str, list[int] | None]:
    """The NFKC form that markers are looked for in, and each of its characters' index in `text` where they differ."""
    if text.isascii() or unicodedata.is_normalized("NFKC", text):
        return text, None
    forms = {char: unicodedata.normalize("NFKC", char) for char in set(text) if not char.isascii()}
    # Only these can spell a marker in disguise.
    forms = {char: form for char, form in forms.items() if form != char and _spells(form)}
    if len(forms) > 24:
        seen = text.translate({ord(char): form for char, form in forms.items()})
    else:  # a quarter of the time, and the usual case: the full-width signs of Chinese prose
        seen = text
        for char, form in forms.items():
            seen = seen.replace(char, form)
    if all(len(form) == 1 for form in forms.values()):
        return seen, None
    return seen, [index for index, char in enumerate(text) for _ in forms.get(char, char)]


def _spells(form: str) -> bool:
    return form.isascii() and any(char.isprintable() for char in form)


@lru_cache(maxsize=64)
def _compiled(markers: frozenset[str]) -> tuple[re.Pattern[str] | None, frozenset[str]]:
    """A pattern for free-form markers; bracketed ones are looked up in a set, since tokenizers bring thousands."""
    # Folded as the text will be: NFKC changes more, and a token that holds "…" would never be found.
    texts = {form for marker in markers if len(form := _folded(marker.strip())[0].lower()) > 1}
    names = frozenset(form for form in texts if any(scan.fullmatch(form) for scan in _BRACKETED))
    loose = sorted(texts - names, key=lambda form: (-len(form), form))
    return re.compile("|".join(map(re.escape, loose)), re.IGNORECASE) if loose else None, names


@lru_cache(maxsize=8)
def _label_lines(labels: tuple[str, ...]) -> re.Pattern[str] | None:
    words = (r"[ \t]+".join(map(re.escape, label.split())) for label in labels)
    every = "|".join(re.sub(r"\d+", r"\\d+", word) for word in words)
    return re.compile(rf"\n[ \t>*#_-]*+({every})(?=[ \t*_]*[:(])", re.IGNORECASE) if every else None
