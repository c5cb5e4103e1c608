"""Which peers' summaries a path reads: equations 1 to 4 of the paper."""

from collections.abc import Sequence
from random import Random
from typing import Protocol

from peerleap.graph.state import Summary


class Router(Protocol):
    """Picks, for one path, the peers whose summaries it reads."""

    def __call__(
        self,
        similar: Sequence[float],
        peers: Sequence[int],
        k: int,
        random: Random,
        summaries: Sequence[Summary],
    ) -> list[int]:
        """Choose at most `k` of `peers`, each once, in reading order.

        Args:
            similar: by path, the similarity of its summary to the reader's own, 0 to 1.
            peers: the numbers of the paths that can be read, ascending.
            k: the setting `top_k`.
            random: draws that depend on the seed, the round and the reader only.
            summaries: by path, its summary: text, number of tokens, and what it has checked with tools.
        """
        ...


def dispersed(
    similar: Sequence[float], peers: Sequence[int], k: int, random: Random, summaries: Sequence[Summary]
) -> list[int]:
    """The k least similar summaries (equation 1); of equals, the peer with the lower number."""
    # Sorts are stable, in reverse, too: of equals, the lower number stays first.
    return sorted(sorted(peers), key=similar.__getitem__)[:k]


def clustered(
    similar: Sequence[float], peers: Sequence[int], k: int, random: Random, summaries: Sequence[Summary]
) -> list[int]:
    """The k most similar summaries (equation 2); of equals, the peer with the lower number."""
    return sorted(sorted(peers), key=similar.__getitem__, reverse=True)[:k]


def hybrid(
    similar: Sequence[float], peers: Sequence[int], k: int, random: Random, summaries: Sequence[Summary]
) -> list[int]:
    """The k/2 most similar and the k/2 least similar summaries (equation 3); an odd one goes to the least similar."""
    near = clustered(similar, peers, k // 2, random, summaries)
    taken = set(near)
    rest = [j for j in peers if j not in taken]
    return near + dispersed(similar, rest, k - k // 2, random, summaries)


def random_peers(
    similar: Sequence[float], peers: Sequence[int], k: int, random: Random, summaries: Sequence[Summary]
) -> list[int]:
    """Any k summaries (appendix C.1)."""
    return random.sample(list(peers), min(k, len(peers)))


def all_peers(
    similar: Sequence[float], peers: Sequence[int], k: int, random: Random, summaries: Sequence[Summary]
) -> list[int]:
    """Every summary, whatever k is."""
    return list(peers)


def evidence(
    similar: Sequence[float], peers: Sequence[int], k: int, random: Random, summaries: Sequence[Summary]
) -> list[int]:
    """Summaries of peers that have checked something with a tool, then the others; each the least similar first."""
    ranked = dispersed(similar, peers, len(peers), random, summaries)
    ranked.sort(key=lambda j: not summaries[j].get("evidence"))
    return ranked[:k]


def none(
    similar: Sequence[float], peers: Sequence[int], k: int, random: Random, summaries: Sequence[Summary]
) -> list[int]:
    """No summary: every path only sums up its own progress. The control for what the peers' words bring."""
    return []


ROUTERS: dict[str, Router] = {
    "all": all_peers,
    "clustered": clustered,
    "dispersed": dispersed,
    "evidence": evidence,
    "hybrid": hybrid,
    "none": none,
    "random": random_peers,
}
