from peerleap.engine import Engine


async def started(engine: Engine) -> None:
    """Wait until the engine runs, where it can be started by itself; else its first request starts it.

    Raises:
        EngineError: it did not start.
    """
    start = getattr(engine, "start", None)
    if start is not None:
        await start()
