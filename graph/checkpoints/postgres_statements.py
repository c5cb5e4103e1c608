"""SQL for Postgres beyond LangGraph's own."""

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS leap_notes (
        thread_id TEXT NOT NULL, namespace TEXT NOT NULL, task_id TEXT NOT NULL, number INTEGER NOT NULL,
        type TEXT NOT NULL, value BYTEA NOT NULL,
        PRIMARY KEY (thread_id, namespace, task_id, number)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS leap_compacted (
        thread_id TEXT NOT NULL, namespace TEXT NOT NULL, checkpoint_id TEXT NOT NULL, channel TEXT NOT NULL,
        type TEXT NOT NULL, value BYTEA NOT NULL,
        PRIMARY KEY (thread_id, namespace, checkpoint_id, channel)
    )
    """,
)
THREADS = """
SELECT thread_id FROM checkpoints WHERE checkpoint_ns = '' GROUP BY thread_id ORDER BY max(checkpoint_id) DESC
"""
NOTE = """
INSERT INTO leap_notes VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (thread_id, namespace, task_id, number) DO UPDATE SET type = EXCLUDED.type, value = EXCLUDED.value
"""
NOTES = """
SELECT number, type, value FROM leap_notes WHERE thread_id = %s AND namespace = %s AND task_id = %s ORDER BY number
"""
DROP_NOTES = "DELETE FROM leap_notes WHERE thread_id = %s AND namespace = %s"
DELETE_THREAD = ("DELETE FROM leap_notes WHERE thread_id = %s", "DELETE FROM leap_compacted WHERE thread_id = %s")
COMPACTED = """
SELECT channel, type, value FROM leap_compacted WHERE thread_id = %s AND namespace = %s AND checkpoint_id = %s
"""
COMPACT = """
INSERT INTO leap_compacted VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (thread_id, namespace, checkpoint_id, channel)
DO UPDATE SET type = EXCLUDED.type, value = EXCLUDED.value
"""
PARENTS = "SELECT checkpoint_id, parent_checkpoint_id FROM checkpoints WHERE thread_id = %s AND checkpoint_ns = %s"
THREADS_OF = "SELECT DISTINCT thread_id FROM checkpoints WHERE metadata ->> 'run_id' = ANY(%s)"
COPY = (
    """
    INSERT INTO checkpoints (
        thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata
    ) SELECT %(to)s, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint,
        jsonb_set(metadata, '{thread_id}', to_jsonb(%(to)s::text), false) - 'run_id'
    FROM checkpoints WHERE thread_id = %(from)s
    """,
    """
    INSERT INTO checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob)
    SELECT %(to)s, checkpoint_ns, channel, version, type, blob FROM checkpoint_blobs WHERE thread_id = %(from)s
    """,
    """
    INSERT INTO checkpoint_writes (
        thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob
    ) SELECT %(to)s, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob
    FROM checkpoint_writes WHERE thread_id = %(from)s
    """,
    """
    INSERT INTO leap_compacted (thread_id, namespace, checkpoint_id, channel, type, value)
    SELECT %(to)s, namespace, checkpoint_id, channel, type, value FROM leap_compacted WHERE thread_id = %(from)s
    """,
    """
    INSERT INTO leap_notes (thread_id, namespace, task_id, number, type, value)
    SELECT %(to)s, namespace, task_id, number, type, value FROM leap_notes WHERE thread_id = %(from)s
    """,
)
STORED = """
SELECT thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, metadata ->> 'run_id' AS run_id
FROM checkpoints WHERE thread_id = ANY(%s)
"""
DELETE_WRITES = """
DELETE FROM checkpoint_writes
WHERE (thread_id, checkpoint_ns, checkpoint_id) IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))
"""
DELETE = """
DELETE FROM checkpoints
WHERE (thread_id, checkpoint_ns, checkpoint_id) IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))
RETURNING thread_id, checkpoint_ns, checkpoint -> 'channel_versions' AS versions
"""
DELETE_NOTES = """
DELETE FROM leap_notes WHERE (thread_id, namespace) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
"""
DELETE_COMPACTED = """
DELETE FROM leap_compacted
WHERE (thread_id, namespace, checkpoint_id) IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))
"""
BEHEAD = """
UPDATE checkpoints SET parent_checkpoint_id = NULL
WHERE (thread_id, checkpoint_ns, checkpoint_id) IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))
"""
# Values of channels are shared by the checkpoints in which they are the same.
DELETE_BLOBS = """
DELETE FROM checkpoint_blobs AS b
USING unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS freed(thread_id, checkpoint_ns, channel, version)
WHERE b.thread_id = freed.thread_id AND b.checkpoint_ns = freed.checkpoint_ns
    AND b.channel = freed.channel AND b.version = freed.version
    AND NOT EXISTS (
        SELECT 1 FROM checkpoints c WHERE c.thread_id = b.thread_id AND c.checkpoint_ns = b.checkpoint_ns
        AND c.checkpoint -> 'channel_versions' ->> b.channel = b.version
    )
"""
# Tables with encrypted values: the kind of place that they are sealed for, its columns, and the value's column.
SEALED = (
    ("checkpoint_blobs", "blob", ("checkpoint_ns", "channel", "version", "blob")),
    ("checkpoint_writes", "write", ("checkpoint_ns", "checkpoint_id", "task_id", "channel", "blob")),
    ("leap_notes", "note", ("namespace", "task_id", "number", "value")),
    ("leap_compacted", "compacted", ("namespace", "checkpoint_id", "channel", "value")),
)
METADATA = "SELECT metadata, checkpoint_ns, checkpoint_id FROM checkpoints WHERE thread_id = %s"
SET_METADATA = """
UPDATE checkpoints SET metadata = %s WHERE thread_id = %s AND checkpoint_ns = %s AND checkpoint_id = %s
"""
