"""The `peerleap` command, a file a subcommand, joined by `main`; `views` shows runs, `errors` sets exit codes."""

from peerleap.cli.main import app

__all__ = ["app"]
