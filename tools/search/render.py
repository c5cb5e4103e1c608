"""Search results and pages as a model reads them: plain text, marked as untrusted."""

import html
import re
from collections.abc import Sequence

from peerleap.tools import prompts
from peerleap.tools.search.backend import SearchHit
from peerleap.tools.search.excerpt import best_excerpt
from peerleap.tools.search.extraction import PageText
from peerleap.tools.untrusted import neutralise

_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")


def render_hits(query: str, hits: Sequence[SearchHit], max_chars: int) -> str:
    """Numbered titles, addresses and snippets.

    Args:
        query: what was searched for.
        hits: the hits, as the engine gave them.
        max_chars: characters of the result.

    Returns:
        Neutralised text under a heading that marks it as untrusted.
    """
    if not hits:
        return neutralise(prompts.NO_HITS.format(query=query[:200]))
    blocks = [
        f"[{number}] {_heading(hit.title, hit.url, hit.date[:10])}\n{_plain(hit.snippet, 300)}"
        for number, hit in enumerate(hits, 1)
    ]
    return neutralise("\n".join([prompts.SEARCH_HEADING, *blocks]), max_chars=max_chars)


def render_page(page: PageText, looking_for: str, max_chars: int) -> str:
    """Title, address and the passage that fits `looking_for` best.

    Args:
        page: the page's text.
        looking_for: what to find on it; empty for its middle.
        max_chars: characters of the result.

    Returns:
        Neutralised text under a heading that marks it as untrusted.
    """
    head = f"{prompts.PAGE_HEADING}\n{_heading(page.title, page.url, page.date)}"
    return neutralise(f"{head}\n{best_excerpt(page.text, looking_for, max_chars - len(head) - 1)}", max_chars=max_chars)


def _heading(title: str, url: str, date: str) -> str:
    return f"{_plain(title, 150) or 'Untitled'} — {url[:200]}{f' ({date})' if date else ''}"


def _plain(text: str, most: int) -> str:
    text = text[: 10 * most]  # the patterns below look back at every opening bracket
    text = " ".join(_LINK.sub(r"\1", _TAG.sub("", html.unescape(text))).split())
    return text if len(text) <= most else f"{text[: most - 1]}…"
