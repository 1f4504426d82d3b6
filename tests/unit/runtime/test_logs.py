from __future__ import annotations

import json
import logging
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import dramatiq
import pytest
import structlog
from dramatiq import Message
from dramatiq.broker import MessageProxy
from dramatiq.brokers.stub import StubBroker

from afterword.workers.core.errors import Misconfigured
from afterword.workers.runtime import logs
from afterword.workers.runtime.settings import Settings

SAID = "I live in Lisbon"
MESSAGE: Message[Any] = Message("conversations", "ingest_conversation", ({"text": SAID},), {}, {}, "m-1")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def configure(log_format: str, level: str = "DEBUG") -> None:
    logs.configure(Settings(log_format=log_format, log_level=level))


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def log_messages() -> None:
    logger = logging.getLogger("dramatiq.worker")
    for message in (MESSAGE, MessageProxy(MESSAGE)):
        logger.debug("Received message %s with id %r.", message, MESSAGE.message_id)
        logger.info("%r", message)
        logger.info(message)
        try:
            raise ValueError("it broke")
        except ValueError:
            logger.warning("Failed to process message %s.", message, exc_info=True)
        structlog.get_logger("ours").warning("failed %s", message, failed=message)


@pytest.mark.parametrize("log_format", ["json", "text", "auto"])
def test_what_a_person_said_is_in_no_line(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure(log_format)
    log_messages()
    told = capsys.readouterr().err
    assert SAID not in told
    assert "ingest_conversation[m-1]" in told
    assert "ValueError" in told


def test_what_an_actor_is_called_with_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json")

    @dramatiq.actor(broker=StubBroker())
    def ingest_conversation(body: dict[str, str]) -> None:
        assert body

    ingest_conversation({"text": SAID})
    ingest_conversation.logger.info("a line of ours")
    assert [line["event"] for line in lines(capsys)] == ["a line of ours"]


def remember(said: str) -> None:
    try:
        raise ValueError(f"cannot read {said!r}")
    except ValueError as error:
        raise Misconfigured(f"{len(said)} characters are too many") from error


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_traceback_shows_no_variables_and_the_words_of_our_own_errors_only(
    log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(log_format)
    try:
        remember(SAID)
    except Misconfigured:
        logging.getLogger("ours").exception("extraction failed")
        structlog.get_logger("ours").exception("extraction failed")
    told = capsys.readouterr().err
    assert told.count("Misconfigured: 16 characters are too many") == 2
    assert told.count("ValueError") >= 2
    assert told.count("in remember") >= 4, "where both were raised"
    assert SAID not in told


def test_json_has_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json")
    structlog.get_logger("ours").info("memory_added", memory_id="1", name="小雨")
    logging.getLogger("theirs").warning("%d of %d\nfailed", 1, 2)
    ours, theirs = lines(capsys)
    assert (ours["event"], ours["memory_id"], ours["name"]) == ("memory_added", "1", "小雨")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("1 of 2\nfailed", "warning", "theirs")
    assert ours["timestamp"].endswith("Z")


def test_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure("text")
    logging.getLogger("theirs").warning("%d failed", 1)
    told = capsys.readouterr().err
    assert "1 failed" in told
    assert "{" not in told
    assert "\x1b" not in told


def test_the_level_holds_and_talkative_libraries_are_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json", "INFO")
    logging.getLogger("ours").debug("no")
    logging.getLogger("httpx").info("no")
    logging.getLogger("mem0.memory.main").info("no")
    logging.getLogger("mem0.memory.main").error("no: it is raised as an error of ours")
    logging.getLogger("openai").warning("yes")
    configure("json", "ERROR")
    logging.getLogger("httpx").warning("no")
    assert [line["event"] for line in lines(capsys)] == ["yes"]


def test_configuring_twice_logs_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json")
    configure("json")
    logging.getLogger("ours").info("once")
    assert len(lines(capsys)) == 1


def test_warnings_and_threads_that_end_are_logged_like_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        configure("json")
        warnings.warn("of no use", stacklevel=1)
    thread = threading.Thread(target=remember, args=(SAID,), name="extraction-1")
    thread.start()
    thread.join()
    warned, ended = lines(capsys)
    assert (warned["logger"], warned["level"]) == ("py.warnings", "warning")
    assert "of no use" in warned["event"]
    assert ended["event"] == "thread extraction-1 ended"
    assert "Misconfigured: 16 characters are too many" in ended["exception"]
    assert SAID not in ended["exception"]
