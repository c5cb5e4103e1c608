"""What peers can use: call protocols, the runner of tools, web search and the sandbox."""
