"""A model's text on its way to a terminal: one line, within a width, and nothing in it that steers the terminal."""

from rich.cells import cell_len, set_cell_size

_LONGEST_MESSAGE, _END_OF_MESSAGE = 1600, 400


def plain(text: str) -> str:
    """The text on one line, without the characters that steer a terminal (escape codes, C1, direction marks)."""
    return "".join(char for char in " ".join(text.split()) if char.isprintable())


def one_line(text: str) -> str:
    """As `plain`, with blanks as they are: for messages that quote what was typed."""
    return "".join(char if char.isprintable() else " " if char.isspace() else "" for char in text)


def message_line(text: str) -> str:
    """As `one_line`, for a message that quotes what was typed: of one that nobody would read to its end, both ends."""
    line = one_line(text)
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[: _LONGEST_MESSAGE // 2]} ... {line[-_END_OF_MESSAGE:]}"


def clip(text: str, width: int) -> str:
    """The text on one line of at most `width` columns; a Chinese character takes two."""
    line = plain(text)
    return line if cell_len(line) <= width else set_cell_size(line, max(0, width - 1)).rstrip() + "…"


def tail(text: str, width: int) -> str:
    """As `clip`, but the end of the text."""
    line = plain(text)[-width:] if width > 0 else ""
    while cell_len(line) > width:
        line = line[1:]
    return line


def first_line(text: str) -> str:
    """The first line of a text that holds anything, in plain characters."""
    return next((line for line in map(plain, text.splitlines()) if line), "")
