"""Models that come with the package.

Read `embedded` (a small language model for any question), `weights` and `conversion` (how it becomes a folder that vLLM
loads), `miniature` (a reasoning model for chain sums, trained from nothing).
"""

from peerleap.engine.shipped.embedded import EMBEDDED, cache_folder, embedded_folder, is_prepared
from peerleap.engine.shipped.miniature import MINIATURE, MINIATURE_FAMILIES, family_of, miniature_folder
from peerleap.engine.shipped.model_settings import SETTINGS_FILE, model_settings
from peerleap.engine.shipped.weights import folder_bytes, hub_bytes

__all__ = [
    "EMBEDDED",
    "MINIATURE",
    "MINIATURE_FAMILIES",
    "SETTINGS_FILE",
    "cache_folder",
    "embedded_folder",
    "family_of",
    "folder_bytes",
    "hub_bytes",
    "is_prepared",
    "miniature_folder",
    "model_settings",
]
