"""vLLM's processes report their phases to the host, and show no more of their log than before."""

import logging
import os
import time
from collections.abc import Iterator

import pytest

from peerleap.engine.phases import ADDRESS, listen, report_phases

NAME = "vllm.v1.worker.cpu_model_runner"


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger(NAME)
    level, filters = logger.level, list(logger.filters)
    logger.setLevel(logging.ERROR)
    yield logger
    logger.setLevel(level)
    logger.filters[:] = filters


def test_phases_reach_the_host(logger: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    seen = list[str]()
    with listen(seen.append):
        report_phases()
        logger.info("Starting to load model %s...", "x")
        logger.info("of no interest")
        logger.info("Warming up model for the compilation...")
        while len(seen) < 2:
            time.sleep(0.01)
    assert seen == ["loading weights", "warming up"]
    assert caplog.messages == [], "what was not shown is not shown now"
    assert ADDRESS not in os.environ


def test_a_host_that_does_not_listen_costs_nothing(
    logger: logging.Logger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(ADDRESS, "peerleap-nobody")
    report_phases()
    logger.info("Starting to load model %s...", "x")
    logger.error("shown")
    assert "shown" in caplog.messages
