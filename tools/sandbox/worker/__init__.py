"""The process behind the walls; it runs without the package, so it imports only itself."""
