"""`python -m peerleap` is the `peerleap` command."""

from peerleap.cli.main import app

app(prog_name="peerleap")
