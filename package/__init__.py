"""LeaP: reasoning paths of a local model that learn from each other.

The repository's folders are the packages below this one: `peerleap.graph`, `peerleap.agents`, and so on. None is
imported here, so `import peerleap` costs nothing.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
