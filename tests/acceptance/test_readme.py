"""What the README says can be typed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

from afterword.cli.settings_table import settings_table
from afterword.schemas import ContextReply, Reply
from tests.conftest import unavailable
from tests.support.deployment import Deployment

README = Path("README.md").read_text(encoding="utf-8")


def test_the_settings_are_those_of_the_workers() -> None:
    (table,) = re.findall(r"<!-- settings -->\n(.*?)\n<!-- /settings -->", README, re.DOTALL)
    assert table == settings_table(), "run `afterword settings` and put its output into the README"


def test_publishing_and_asking_with_redis_cli(deployment: Deployment) -> None:
    if shutil.which("redis-cli") is None:
        unavailable("no redis-cli on PATH")
    (script,) = [block for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if "redis-cli" in block]
    deployment.start("ingest", "context")

    shown = subprocess.run(
        ["sh", "-c", script], env=deployment.environment, capture_output=True, text=True, timeout=60, check=True
    )

    reply = Reply.model_validate(json.loads(shown.stdout.splitlines()[-1]))
    context = ContextReply.model_validate(reply.unwrap())
    assert [memory.text for memory in context.memories] == ["I am allergic to peanuts."]
    assert "I am allergic to peanuts." in context.text
