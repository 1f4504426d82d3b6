"""What is to be cut out is stored nowhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from afterword.schemas import AddMemory, Command
from afterword.schemas.commands import UpdateMemory
from afterword.workers.core.errors import Misconfigured
from afterword.workers.services.policy.redaction import rules_named
from tests.support.workshop import REPLY_TO, Workshop, event


def test_nothing_of_it_is_stored_and_it_is_counted(open_workshop: Callable[..., Workshop]) -> None:
    workshop = open_workshop(redact="email, card")
    commands = workshop.house.commands.commands(workshop.broker)

    def run(command: type[Any], **given: Any) -> Any:
        made: Command = command(reply_to=REPLY_TO, user_id="ann", **given)
        return commands.run(made)

    said = event("Mail ada@example.org, or call +44 20 7946 0958.", session_id="s", metadata={"from": "bo@example.org"})
    workshop.take_in(said, event("Mail ada@example.org, or call +44 20 7946 0958.", session_id="s"))
    note = run(AddMemory, text="ada@example.org", metadata={"mail": "ada@example.org", "level": 3})
    assert workshop.texts() == ["Mail [email], or call +44 20 7946 0958.", "[email]"]
    assert note.metadata == {"mail": "[email]", "level": 3}
    assert run(UpdateMemory, memory_id=note.id, text="4111 1111 1111 1111").text == "[card]"
    for table in ("conversations", "memory_versions", "audit", "sessions"):
        assert "example.org" not in str(workshop.rows(f"SELECT * FROM {table}"))
    counted = workshop.house.metrics.redacted_texts
    assert counted.labels("email")._value.get() == 4
    assert counted.labels("card")._value.get() == 1


def test_a_rule_that_nobody_offers_is_named() -> None:
    assert list(rules_named(["phone", " key", ""])) == ["key", "phone"]
    with pytest.raises(Misconfigured, match="AFTERWORD_REDACT: there is no rule 'names'; choose from key, card"):
        rules_named(["names"])
