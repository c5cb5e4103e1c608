from peerleap.cli.main import app

__all__ = ["app"]
