from rich.cells import cell_len, set_cell_size


def plain(text: str) -> str:
    """The text on one line, without what a terminal would obey."""
    return "".join(char for char in " ".join(text.split()) if char.isprintable())  # a model can write escape codes


def clip(text: str, width: int) -> str:
    """The text on one line of at most `width` columns; a Chinese character takes two."""
    line = plain(text)
    return line if cell_len(line) <= width else set_cell_size(line, width - 1).rstrip() + "…"


def tail(text: str, width: int) -> str:
    """As `clip`, but the end of the text."""
    line = plain(text)[-width:]
    while cell_len(line) > width:
        line = line[1:]
    return line
