from peerleap.agents.peer import Peer, Sampling, path_peers

__all__ = ["Peer", "Sampling", "path_peers"]
