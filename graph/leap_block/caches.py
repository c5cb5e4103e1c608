"""Says where prefix caches do not work: then every history is computed again in every round."""

import logging
from collections.abc import Mapping, Sequence
from weakref import WeakSet

from peerleap.engine import Engine, each_once
from peerleap.graph.history import Segment
from peerleap.graph.leap_block.summary import Summarized
from peerleap.graph.path import Path

_LOG = logging.getLogger(__name__)
_LONG = 512
"""Tokens of a history from which on its cache matters; engines cache whole blocks, of up to 128 tokens."""
_ALMOST_NONE = 0.1

_known: "WeakSet[Engine]" = WeakSet()
"""Engines whose first long continuation has been looked at."""

_CAUSES = (
    "models with linear-attention or Mamba layers get few hits in vLLM; the cache may be turned off, or too small for "
    "all paths"
)
_ROUTED = "a router may spread a path's requests (docs/scale.md)"


def look_at_caches(
    paths: Mapping[str, Path], histories: Mapping[str, Sequence[Segment]], summarized: Mapping[str, Summarized]
) -> None:
    """Warn, once for each engine, where its first long continuations found almost nothing in the cache.

    Args:
        paths: by name.
        histories: theirs, before the summaries.
        summarized: what was continued.
    """
    for engine in each_once(path.engine for path in paths.values()):
        known = again = cached = 0
        for name, path in paths.items():
            history, continued = histories[name], summarized.get(name)
            last = next((s for s in (continued["segments"] if continued else ()) if s["kind"] == "summary"), None)
            before = _known_tokens(history)
            if path.engine is engine and last is not None and before >= _LONG:
                again += 1
                known += before
                cached += last.get("cached_tokens", 0)
        if not again or engine in _known:
            continue
        _known.add(engine)
        if cached < _ALMOST_NONE * known:
            _LOG.warning("%s", _warning(engine, known // again, cached // again))


def _known_tokens(history: Sequence[Segment]) -> int:
    """Tokens that an engine has seen of a history: the last request's prompt, and what it wrote."""
    last = next((s for s in reversed(history) if "prompt_tokens" in s), None)
    return 0 if last is None else last["prompt_tokens"] + len(last["token_ids"])


def _warning(engine: Engine, known: int, cached: int) -> str:
    if not getattr(engine, "reports_cached", True):
        return (
            f"{engine.model!r}: its servers do not say how much of the paths' histories comes from their caches; start "
            "them with --enable-prompt-tokens-details to see whether routing keeps each path in its place"
        )
    causes = f"{_CAUSES}; {_ROUTED}" if hasattr(engine, "servers") else _CAUSES
    return (
        f"{engine.model!r}: of a path's first {known} tokens, {cached} came from the prefix cache when it went on, so "
        f"every round computes whole histories again. Likely causes: {causes}"
    )
