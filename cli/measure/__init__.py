"""Commands that measure: results files side by side."""

from peerleap.cli.measure.compare import compare

__all__ = ["compare"]
