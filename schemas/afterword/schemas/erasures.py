"""Erasing a user: the commands, how far an erasure is, and the receipt that it ends with."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from afterword.schemas.command import Command, OfUser
from afterword.schemas.values import LateModel

ErasureId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class ErasureStatus(StrEnum):
    """`running` until the receipt is written."""

    RUNNING = "running"
    DONE = "done"


class ScannedPlace(LateModel):
    """A place that a scan looked into: how many rows, values, points or files, and how many told of the user."""

    looked_at: int
    found: int


class Residue(LateModel):
    """The result of a scan for what is left of a user. `clean`: nothing was found anywhere.

    It looked for so many `ids`, and so many `phrases` from the user's memories. Phrases that memories of others hold as
    well say nothing; there were `shared` of those.
    """

    clean: bool
    scanned_at: datetime
    ids: int
    phrases: int
    shared: int = 0
    places: dict[str, ScannedPlace]
    not_looked_into: tuple[str, ...]


class ErasureReceipt(LateModel):
    """Tells what was removed, where, when and at whose request, and what a scan found afterwards.

    It names nobody: `subject` is a keyed hash, by which the deployment can tell that this receipt is a user's. Of each
    step, `removed` says how many of what it removed, or changed so that it names nobody. `asked_by` is the account that
    asked; None is the user themselves.
    """

    format: Literal[1] = 1
    erasure_id: str
    subject: str
    asked_by: str | None = None
    requested_at: datetime
    finished_at: datetime
    learned: Literal["removed", "kept"]
    removed: dict[str, dict[str, int]]
    residue: Residue


class ErasureState(LateModel):
    """How far an erasure is: the step that is next while it runs, the receipt once it is done.

    From `requested_at` on nothing of the user is shown, and nothing from before then is taken in.
    """

    erasure_id: str
    status: ErasureStatus
    step: str | None = None
    requested_at: datetime
    finished_at: datetime | None = None
    receipt: ErasureReceipt | None = None


class EraseUser(OfUser):
    """Erase everything of a user, in every store. Asked again while it runs, it is the same erasure.

    What agents learned from them is removed as well, unless `keep_learned`: then it stays, and names nobody.
    """

    answer: ClassVar[type[ErasureState]] = ErasureState

    command: Literal["users_erase"] = "users_erase"
    keep_learned: bool = False


class GetErasure(Command):
    """How far an erasure of the tenant is, by its id, which only its asker was told."""

    answer: ClassVar[type[ErasureState]] = ErasureState

    command: Literal["users_erasure"] = "users_erasure"
    erasure_id: ErasureId


class VerifyErased(OfUser):
    """Scan the stores once more for what is left of a user. For operators: it takes as long as the stores are large."""

    answer: ClassVar[type[Residue]] = Residue

    command: Literal["users_verify_erased"] = "users_verify_erased"
