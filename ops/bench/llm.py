"""An LLM that takes its time and finds one fact: `python -m ops.bench.llm PORT SECONDS`."""

from __future__ import annotations

import json
import sys
import threading
import time

from afterword.workers.embedded.authored import new_messages
from afterword.workers.embedded.completions import CompletionsServer, Messages


class SlowLlm:
    """Answers an extraction prompt after `seconds`, with the first new message as the only fact."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __call__(self, prompt: Messages) -> str:
        time.sleep(self._seconds)
        facts = [
            {"text": str(message.get("content")), "scope": "user", "attributed_to": "user", "source": message.get("n")}
            for message in new_messages(prompt)[:1]
        ]
        return json.dumps({"memory": facts})


if __name__ == "__main__":
    CompletionsServer(SlowLlm(float(sys.argv[2])), port=int(sys.argv[1])).start()
    threading.Event().wait()
