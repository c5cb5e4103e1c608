"""The option letter that a path settles on: the last explicit one after the thought.

A letter counts where it is boxed, where it is said to be the answer, or where it stands alone at the end. A letter
mentioned in passing does not (`the answer is definitely not A`, `Answer: A balanced force`, `A or B`), and neither does
one that is denied or doubted (`Answer: C is wrong`, `I doubt the answer is C`).
"""

import re
import unicodedata

from peerleap.graph.answers.boxed import boxes
from peerleap.graph.answers.own_text import answer_section, without_comments
from peerleap.graph.answers.tex import FONTS

_FULL_WIDTH = re.compile("[\uff01-\uff5e]")
_FONT = rf"{FONTS}|text|math(?:cal|bb)|underline|boldsymbol|bm"
_SIZE = r"bf|rm|it|large|Large|LARGE|huge|Huge"
_OPEN = rf"(?:\\(?:boxed|{_FONT}|bf)\s*\{{|\\\(|(?i:option|choice|letter)\b|[\s\"'“*_$(\[{{<:`]){{0,12}}"
_ADVERB = r"(?:\s+(?:clearly|therefore|thus|definitely|indeed|likely|probably|most likely|then|simply))?"
_IS = rf"(?:\s*(?:is|are|would be|should be|must be|will be|was)\b{_ADVERB}\s*[:：=]?|\s*[:：=→]|\s+[-–—]\s)"
_STATED = re.compile(
    rf"(?:\b(?i:answers?|options?|choices?|solution)[\"'”*_`}}\s]{{0,6}}(?i:{_IS})"
    rf"|(?:答案|选项|[故应因此所以本题](?:该|当|题)?选(?!项)|正确(?:的)?(?:答案|选项|选择)?|选择?|<answer>)"
    rf"(?:(?:应该?|应当)?(?:是|为|选择?|选项))*\s*[:：】]?\s*(?<!不选)(?<!不是)(?<!不能选)"
    rf"|^[ \t]*(?:\#{{1,6}}|\*\*)[ \t]*(?i:(?:final |correct )?answer)[ \t]*\**[ \t]*\n\s*(?=[(*]{{0,4}}[A-J][).:*])"
    rf"|\b(?i:choose|select|pick|go with|going with)\b){_OPEN}(?P<letter>[A-Ja-j])(?![A-Za-z0-9_^+]|['’][a-z])",
    re.MULTILINE,
)
_IS_RIGHT = re.compile(
    r"(?<![A-Za-z0-9\\'’])[(*`]{0,3}(?P<letter>[A-J])[)*`]{0,3}\s+is\s+"
    r"(?:(?:the\s+)?(?:correct|right|best)\b(?:\s+(?:answer|option|choice)\b)?|(?:the|my)\s+(?:final\s+)?answer\b)"
    r"(?!\s+(?:only|if|when|unless|except|under|in\s+(?:general|vacuum|that\s+case))\b)"
)
_IS_RIGHT_IN_CHINESE = re.compile(r"(?<![A-Za-z0-9])(?P<letter>[A-J])(?:选项)?(?:是|为)?(?:正确|对的|最佳)")
_CONCLUDED = re.compile(
    r"\b(?:(?i:thus|hence|therefore|so)\b,?\s+(?i:(?:it\s+is\s+)?(?:the\s+)?(?:option|choice|answer))"
    r"|(?i:it\s+(?:must|has\s+to|should)\s+be)(?:\s+(?i:option|choice))?)\s+[\"'“*_$(`]{0,4}(?P<letter>[A-J])"
    r"(?=[\"'”*_$)`]{0,4}(?:[.!]|\s*(?:\n|<|$)))"
)
_WRAP = re.compile(rf"\\(?:boxed|{_FONT}|{_SIZE})\b|\\color\s*\{{\w+\}}|\\[()\[\], ;:!]|[\s\"'“”*_$(){{}}\[\]<>`]")
_BOXED = re.compile(
    r"(?i:(?:(?:the|correct|final|answer|option|choice|is)[:\s]+){0,5})\(?([A-Ja-j])(?:[.):,\s](?!\s*=).*)?", re.DOTALL
)
_STYLE = re.compile(rf"\\(?:{_FONT}|{_SIZE})\b|[{{}}$*\"]|\\[ ,;:!]")
# Where a box says its letter, it says it first: thousands of boxes in each other are not read to their ends.
_SHOWN, _MOST = 200, 1000
_SEVERAL = re.compile(r"(?:(?:[Oo]ptions?|[Aa]nswers?)[:]?)?[A-J](?:(?:,|;|/|&|、|\.|and|or|和|或)*[A-J])+\.?")
_ALONE = re.compile(r"([A-J])[.:]?")
_REPLY = re.compile(r"[(*]{0,3}([A-J])[*]{0,2}[).:][)*]{0,2}\s+\S.*")
_CLOSERS = re.compile(r"[\"'”*_)\]}$.,;:\\`]*")
_NEXT_OPTION = re.compile(
    r"\s?[)\]]?\s*(?:or|and|nor|/|\\?&|,|、|，|或者?|和|与|还是|\\text\s?\{\s*(?:or|and)\s*\})\s*(?:(?i:option"
    r"|choice)\s+)?[(\"'*]{0,3}[A-J]\b"
)
_LINE_END = re.compile(r"[\"'”*_)\]}$.,;\s\\`]*(?:\n|<|$)")
_CONTINUES = re.compile(r"\s+(?:because|since|as|for|which|given|based|due|with|so|in|from|but|by|where)\b")
_DENIED = re.compile(
    r"[\"'”*_)\]}$`]*\s+(?:(?:is|was|must be|seems|looks)\s+(?:\w+\s+)?"
    r"(?:not|wrong|incorrect|false|impossible|unlikely)\b"
    r"|is(?:n['’]t|\s+out)\b|(?:can|could)(?:not|n['’]t|['’]t)\b)"
)
_DENIED_IN_CHINESE = re.compile(r"[)\]}]{0,2}\s?(?:选项|项)?(?:是|为)?(?:不|错)")
_DOUBTED = re.compile(
    r"(?:(?<!no )(?<!any )(?<!without )(?<!out a )(?<!beyond )(?<!ond a )\bdoubt\w*"
    r"|(?:\bnot|n['’]t)\s+(?:think|believe|say|sure|certain|convinced)\b|\bwhether\b)"
    r"(?:(?!\b(?:so|but|hence|thus|therefore|since|because)\b)[^.!?\n,;])*$",
    re.IGNORECASE,
)
_BEFORE = 80
_ARTICLE = re.compile(r"\s+[a-z]")


def choice_letter(text: str) -> str | None:
    """The last letter A-J that the path's answer section gives, in any usual form, or None."""
    text = _FULL_WIDTH.sub(lambda sign: unicodedata.normalize("NFKC", sign[0]), without_comments(text))
    section = answer_section(text)
    claims = _last_boxed(section)
    for pattern in (_STATED, _IS_RIGHT, _IS_RIGHT_IN_CHINESE, _CONCLUDED):
        claims += [(m.start("letter"), m["letter"].upper()) for m in pattern.finditer(section) if _meant(m, section)]
    if claims:
        return max(claims)[1] or None
    return _alone(section) or next((letter for _, letter in _last_boxed(text) if letter), None)


def _last_boxed(text: str) -> list[tuple[int, str]]:
    """Place and letter of the last box that holds a letter, or nothing; two letters in it are none, an empty one."""
    for box in reversed(boxes(text)[-_MOST:]):
        letter = letter_in_box(box.content)
        if letter is not None or _SEVERAL.fullmatch(_WRAP.sub("", box.content[:_SHOWN])):
            return [(box.start, letter or "")]
    return []


def letter_in_box(content: str) -> str | None:
    """The letter of a box: alone, or first with a bracket, dot or colon before the option's text.

    Args:
        content: The inside of a box. Two letters (`A, B`) choose nothing, and a word is no letter.
    """
    content = _FULL_WIDTH.sub(lambda sign: unicodedata.normalize("NFKC", sign[0]), content[:_SHOWN])
    alone = _ALONE.fullmatch(_WRAP.sub("", content).upper())
    if alone:
        return alone[1]
    flat = _STYLE.sub("", content).strip().lstrip("(").strip()
    match = _BOXED.fullmatch(flat)
    if match is None or _NEXT_OPTION.match(flat, match.end(1)):
        return None
    after = flat[match.end(1) :]
    # `I` and `A` can be words: `A number` chooses nothing, `A is right` does. A small letter is alone.
    word = after[:1].isspace() and (match[1].islower() or (match[1] in "AI" and not re.match(r"\s+is\b", after)))
    if (word and re.match(r"\s+[a-z]", after)) or after[:1] == "," or _DENIED.match(f" {after.lstrip()}"):
        return None
    return match[1].upper()


def _meant(match: re.Match[str], text: str) -> bool:
    """Whether the letter is claimed: not denied or doubted, no article, not one of two, not small in a sentence."""
    end, letter = match.end("letter"), match["letter"]
    if (
        _DENIED.match(text, end)
        or _DENIED_IN_CHINESE.match(text, end)
        or _DOUBTED.search(text[max(0, match.start() - _BEFORE) : match.start()])
    ):
        return False
    after = _CLOSERS.match(text, end)
    closed = end if after is None else after.end()
    if _NEXT_OPTION.match(text, end) or _NEXT_OPTION.match(text, closed):
        return False
    if letter.islower():
        return _LINE_END.match(text, end) is not None
    if letter in "AI" and match.end() == end and closed == end:
        return _ARTICLE.match(text, end) is None or _CONTINUES.match(text, end) is not None
    return True


def _alone(section: str) -> str | None:
    """The letter that is the section's last line, or that a one-line reply starts with (`C) 5 m/s`)."""
    lines = section.strip().splitlines()
    if not lines:
        return None
    match = _ALONE.fullmatch(_WRAP.sub("", lines[-1]))
    if match is None and len(lines) == 1:
        match = _REPLY.fullmatch(lines[0].strip())
    return match[1] if match else None
