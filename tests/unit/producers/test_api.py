"""The offer of the bare install, and its cost."""

from __future__ import annotations

import subprocess
import sys

import pytest

import afterword.producers
from afterword.producers import AsyncMemoryClient, ConversationFinished, InvalidInput, MemoryClient
from afterword.producers.parcels import ConversationFields

IMPORT_SECONDS = 0.3
HEAVY = ("mem0", "sqlalchemy", "qdrant_client", "dramatiq", "openai", "prometheus_client", "afterword.workers")

_PROGRAM = f"""
import sys, time
# The bare install brings no telemetry; where another package has brought it, redis loads it, for a third of the time.
sys.modules["opentelemetry"] = None
began = time.process_time()  # not the clock on the wall, which runs on while others have the processor
import afterword.producers
took = time.process_time() - began
print(took, *[name for name in {HEAVY!r} if name in sys.modules])
"""


def _import_in_a_new_process() -> tuple[float, list[str]]:
    ran = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    took, *heavy = ran.stdout.split()
    return float(took), heavy


def test_all_names_what_can_be_imported() -> None:
    public = {
        name
        for name, value in vars(afterword.producers).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("afterword.")
    }
    assert public == set(afterword.producers.__all__)
    assert afterword.producers.__all__ == sorted(afterword.producers.__all__)


def test_importing_is_cheap_and_brings_no_worker_library() -> None:
    tries = [_import_in_a_new_process() for _ in range(3)]
    assert all(heavy == [] for _, heavy in tries)
    assert min(took for took, _ in tries) < IMPORT_SECONDS


def test_both_clients_have_the_same_calls() -> None:
    def calls(client: type) -> set[str]:
        return {name for name in dir(client) if not name.startswith("_")}

    assert calls(MemoryClient) == calls(AsyncMemoryClient)
    assert calls(afterword.producers.Memories) == calls(afterword.producers.AsyncMemories)


def test_a_misspelt_field_is_an_error_of_types_and_of_the_call() -> None:
    client = MemoryClient()
    with pytest.raises(InvalidInput, match="sesion_id"):
        # mypy warns of an ignore that it has no use for: so this line shows that it finds the wrong name.
        client.publish(user_id="ada", sesion_id="s", messages=[("user", "Hi")])  # type: ignore[call-arg]


def test_a_callers_fields_are_those_of_the_event_that_no_client_sets() -> None:
    set_by_clients = {"version", "part", "parts", "skipped", "publishes"}
    assert ConversationFields.__annotations__.keys() == ConversationFinished.model_fields.keys() - set_by_clients
