"""Commands that put results files side by side, and the one that makes a folder of them."""

from peerleap.cli.measure.compare import compare
from peerleap.cli.measure.sweep import sweep

__all__ = ["compare", "sweep"]
