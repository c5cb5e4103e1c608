def clip(text: str, width: int) -> str:
    """The text on one line of at most `width` characters, without what a terminal would obey."""
    line = "".join(char for char in " ".join(text.split()) if char.isprintable())  # a model can write escape codes
    return line if len(line) <= width else line[: width - 1] + "…"
