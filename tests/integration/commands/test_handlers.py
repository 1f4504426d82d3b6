"""The registry of handlers, as it is wired."""

from __future__ import annotations

from typing import get_type_hints

import pytest

from afterword.schemas.catalogue import COMMANDS
from afterword.workers.services.commands.handlers import Commands
from afterword.workers.services.policy.access import Access
from tests.support.workshop import Workshop


def test_every_command_has_a_handler_that_answers_as_the_contract_says(workshop: Workshop) -> None:
    handlers = workshop.house.commands.commands(workshop.broker).handlers
    assert {handler.command for handler in handlers} == set(COMMANDS)
    assert len(handlers) == len(COMMANDS)
    for handler in handlers:
        assert get_type_hints(handler.run)["return"] is handler.command.answer


def test_a_command_without_a_handler_is_told_at_the_start(workshop: Workshop) -> None:
    handlers = workshop.house.commands.commands(workshop.broker).handlers
    with pytest.raises(ValueError, match="without a handler: clear"):
        Commands(
            Access(workshop.database),
            (each for each in handlers if each.command.wire_name() != "clear"),
            limits=workshop.house.memories.limits,
            redaction=workshop.house.memories.redaction,
        )
