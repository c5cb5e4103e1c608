"""SQL for SQLite beyond LangGraph's own: metadata are JSON stored as bytes."""

# A damaged row must not break a statement over all threads.
_RUN = "CASE WHEN json_valid(CAST(metadata AS TEXT)) THEN json_extract(CAST(metadata AS TEXT), '$.run_id') END"

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS leap_notes (
        thread_id TEXT NOT NULL, namespace TEXT NOT NULL, task_id TEXT NOT NULL, number INTEGER NOT NULL,
        type TEXT NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (thread_id, namespace, task_id, number)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS leap_compacted (
        thread_id TEXT NOT NULL, namespace TEXT NOT NULL, checkpoint_id TEXT NOT NULL, channel TEXT NOT NULL,
        type TEXT NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (thread_id, namespace, checkpoint_id, channel)
    )
    """,
)
PROGRAMS = """
SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view')
UNION ALL SELECT 'virtual table', name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL%'
UNION ALL SELECT 'computed column', t.name || '.' || c.name
FROM sqlite_master AS t, pragma_table_xinfo(t.name) AS c WHERE t.type = 'table' AND c.hidden > 0
"""
THREADS = """
SELECT thread_id FROM checkpoints WHERE checkpoint_ns = '' AND typeof(thread_id) = 'text'
GROUP BY thread_id ORDER BY max(checkpoint_id) DESC
"""
NOTES = """
SELECT number, type, value FROM leap_notes WHERE thread_id = ? AND namespace = ? AND task_id = ? ORDER BY number
"""
DELETE_NOTES = "DELETE FROM leap_notes WHERE thread_id = ? AND namespace = ?"
DELETE_THREAD = ("DELETE FROM leap_notes WHERE thread_id = ?", "DELETE FROM leap_compacted WHERE thread_id = ?")
COMPACTED = """
SELECT channel, type, value FROM leap_compacted WHERE thread_id = ? AND namespace = ? AND checkpoint_id = ?
"""
PARENTS = "SELECT checkpoint_id, parent_checkpoint_id FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ?"
THREADS_OF = f"SELECT DISTINCT thread_id FROM checkpoints WHERE {_RUN} IN (SELECT value FROM json_each(?))"  # noqa: S608
STORED = f"""
SELECT thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, {_RUN}
FROM checkpoints WHERE thread_id IN (SELECT value FROM json_each(?))
"""  # noqa: S608
DELETE = (
    "DELETE FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?",
    "DELETE FROM writes WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?",
    "DELETE FROM leap_compacted WHERE thread_id = ? AND namespace = ? AND checkpoint_id = ?",
)
BEHEAD = """
UPDATE checkpoints SET parent_checkpoint_id = NULL WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?
"""
COPY = (
    """
    INSERT INTO checkpoints (
        thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata
    ) SELECT :to, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint,
        CAST(json_remove(json_replace(CAST(metadata AS TEXT), '$.thread_id', :to), '$.run_id') AS BLOB)
    FROM checkpoints WHERE thread_id = :from
    """,
    """
    INSERT INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value)
    SELECT :to, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value
    FROM writes WHERE thread_id = :from
    """,
    """
    INSERT INTO leap_notes (thread_id, namespace, task_id, number, type, value)
    SELECT :to, namespace, task_id, number, type, value FROM leap_notes WHERE thread_id = :from
    """,
    """
    INSERT INTO leap_compacted (thread_id, namespace, checkpoint_id, channel, type, value)
    SELECT :to, namespace, checkpoint_id, channel, type, value FROM leap_compacted WHERE thread_id = :from
    """,
)
# Tables with encrypted values: the kind of place that they are sealed for, its columns, and the value's column.
SEALED = (
    ("checkpoints", "checkpoint", ("checkpoint_ns", "checkpoint_id", "checkpoint")),
    ("writes", "write", ("checkpoint_ns", "checkpoint_id", "task_id", "channel", "value")),
    ("leap_notes", "note", ("namespace", "task_id", "number", "value")),
    ("leap_compacted", "compacted", ("namespace", "checkpoint_id", "channel", "value")),
)
SET_METADATA = "UPDATE checkpoints SET metadata = ? WHERE rowid = ?"
METADATA = "SELECT rowid, metadata, checkpoint_ns, checkpoint_id FROM checkpoints WHERE thread_id = ?"
