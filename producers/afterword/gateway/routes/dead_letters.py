"""Messages of the tenant that were given up on: read, given another chance, or dropped by operators."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response

from afterword.gateway.answers import READING, WRITING, json_answer, problems
from afterword.gateway.bodies import json_body, query_string
from afterword.gateway.callers import Fields
from afterword.gateway.routes import API
from afterword.gateway.visits import Visit, Visiting
from afterword.producers.dead_letters import TREAT_SECONDS
from afterword.schemas.keys import CallerRole
from afterword.schemas.letters import (
    DropDeadLetters,
    LetterPage,
    LetterText,
    ListDeadLetters,
    ReplayDeadLetters,
    TreatedLetters,
)

router = APIRouter(prefix=f"{API}/dead-letters", tags=["dead letters"])

OTHERS = ("all_tenants",)
"""A caller is bound to a tenant: letters of all are treated with `afterword deadletters`, beside the ledger."""

_LetterId = Annotated[int, Path(ge=1, lt=2**63, description="The number of a letter, as listed.")]
_Listed = Annotated[Fields, Depends(query_string(ListDeadLetters, name="LettersQuery", without=OTHERS))]
_Replayed = Annotated[Fields, Depends(json_body(ReplayDeadLetters, name="LettersToReplay", without=OTHERS))]
_Dropped = Annotated[Fields, Depends(json_body(DropDeadLetters, name="LettersToDrop", without=OTHERS))]


@router.get("", response_model=LetterPage, responses=problems(READING))
async def list_letters(visit: Visiting, query: _Listed) -> Response:
    """A page of dead letters, newest first, without what they hold. For operators."""
    visit.caller.require(CallerRole.OPERATOR)
    return json_answer(await visit.client.dead_letters.list(**query, timeout=visit.settings.command_seconds))


@router.get("/{letter_id}", response_model=LetterText, responses=problems((*READING, 404)))
async def get_letter(visit: Visiting, letter_id: _LetterId) -> Response:
    """One letter with its message, which may hold what somebody said. For operators."""
    visit.caller.require(CallerRole.OPERATOR)
    return json_answer(await visit.client.dead_letters.get(letter_id, timeout=visit.settings.command_seconds))


@router.post("/replay", response_model=TreatedLetters, responses=problems(WRITING))
async def replay_letters(visit: Visiting, body: _Replayed) -> Response:
    """Give letters another chance, under their own event ids. One that is refused leaves the others theirs."""
    return json_answer(await visit.client.dead_letters.replay(*body["letter_ids"], **_treating(visit)))


@router.post("/drop", response_model=TreatedLetters, responses=problems(WRITING))
async def drop_letters(visit: Visiting, body: _Dropped) -> Response:
    """Drop letters for good, and what was said in them."""
    return json_answer(await visit.client.dead_letters.drop(*body["letter_ids"], **_treating(visit)))


def _treating(visit: Visit) -> dict[str, Any]:
    visit.caller.require(CallerRole.OPERATOR)
    return {"asked_by": visit.caller.account, "timeout": TREAT_SECONDS}
