"""The process behind `extraction`: a page on stdin, JSON on stdout. It imports nothing of ours."""

import ctypes
import io
import json
import os
import resource
import signal
import sys
import warnings

_MAX_CHARS = 200_000
_MAX_PAGES = 10
_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Exit code 3 means that a package is missing, 4 that nobody waits for the answer any more."""
    kind, seconds, parent = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if not _dies_with(parent):
        return 4
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    body = sys.stdin.buffer.read()
    try:
        found = _pdf(body) if kind == "pdf" else _html(body)
    except ImportError:
        return 3
    found["text"] = (found["text"] or "")[:_MAX_CHARS]
    json.dump(found, sys.stdout)
    return 0


def _dies_with(parent: int) -> bool:
    """End with `parent`, even if that is killed; false where it is gone already. The kernel's help is Linux's only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return os.getppid() == parent


def _html(body: bytes) -> dict[str, str | None]:
    import trafilatura

    document = trafilatura.bare_extraction(body, with_metadata=True, include_comments=False)
    if document is None:
        return {"title": "", "date": "", "text": trafilatura.html2txt(body)}
    fields = document if isinstance(document, dict) else document.as_dict()
    return {name: fields.get(name) for name in ("title", "date", "text")}


def _pdf(body: bytes) -> dict[str, str | None]:
    import pypdf

    reader = pypdf.PdfReader(io.BytesIO(body))
    pages = [page.extract_text() for page in reader.pages[:_MAX_PAGES]]
    title = reader.metadata.title if reader.metadata else None
    return {"title": title, "date": "", "text": "\n\n".join(pages)}


if __name__ == "__main__":
    sys.exit(main())
