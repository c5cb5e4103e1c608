"""Web search for peers: backends, one shared desk, and the tools that models call."""
