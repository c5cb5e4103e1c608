from pathlib import Path


def check_report(target: Path | None) -> None:
    """Say before a run why its report could not be written.

    Raises:
        ValueError: the target is a folder, or its folder does not exist.
    """
    if target is None:
        return
    folder = target.absolute().parent
    if not folder.is_dir():
        raise ValueError(f"--report {str(target)!r}: there is no folder {str(folder)!r}")
    if target.is_dir():
        raise ValueError(f"--report {str(target)!r}: this is a folder; give the name of a file")
