"""Erasing a user: gone from every store, proven by a scan, and told by a receipt."""

from __future__ import annotations

from typing import Any

from afterword.schemas.erasures import EraseUser, ErasureState, ErasureStatus, GetErasure
from tests.support.workshop import REPLY_TO, Workshop, event


def run(workshop: Workshop, command: type[Any], **given: Any) -> Any:
    made = command(reply_to=REPLY_TO, **given)
    return workshop.house.commands.commands(workshop.broker).run(made)


def erased(workshop: Workshop, user: str = "ann", **how: Any) -> ErasureState:
    asked = run(workshop, EraseUser, user_id=user, **how)
    workshop.house.governance.erasing(workshop.broker).carry_on()
    found = run(workshop, GetErasure, erasure_id=asked.erasure_id)
    assert isinstance(found, ErasureState)
    return found


def test_a_user_is_gone_and_a_receipt_says_so(workshop: Workshop) -> None:
    workshop.take_in(
        event("I play the cello in the town orchestra on Mondays.", session_id="thread-of-ann"),
        event("Bob here, hello to you all.", user="bob"),
    )
    workshop.extract_all()
    state = erased(workshop)
    assert state.status is ErasureStatus.DONE
    assert state.receipt is not None
    print(state.model_dump_json(indent=1))
    assert state.receipt.residue.clean
