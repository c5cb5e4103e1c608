"""The results file: one line for each path, written as questions end; reports and re-grading read nothing else.

In reading order:

- `schema`: the header and one path's line
- `file`: the file: opened, appended to, read
- `path_record`: from a path's result to its line
- `regrade`: a file graded again, without generating anything
"""

from peerleap.evals.records.file import Records, read_records
from peerleap.evals.records.path_record import graded_text, path_record
from peerleap.evals.records.schema import Header, PathRecord, RecordsError, encode

__all__ = [
    "Header",
    "PathRecord",
    "Records",
    "RecordsError",
    "encode",
    "graded_text",
    "path_record",
    "read_records",
]
