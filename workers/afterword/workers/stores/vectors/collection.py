"""The collection: its payload fields, their indexes, and its index and optimizer parameters. Pure data, so that both
adapters build the same collection."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

VECTOR_NAME: Final = ""
"""The dense vector is the unnamed one, as in mem0's collections; its distance is cosine."""

# Payload fields mem0 knows by these names.
TEXT: Final = "data"
HASH: Final = "hash"
USER: Final = "user_id"
AGENT: Final = "agent_id"
SESSION: Final = "run_id"
CREATED_AT: Final = "created_at"
UPDATED_AT: Final = "updated_at"
ROLE: Final = "role"
ATTRIBUTED_TO: Final = "attributed_to"
SPEAKER: Final = "actor_id"
LEMMAS: Final = "text_lemmatized"
EXPIRATION_DATE: Final = "expiration_date"

# Ours.
TENANT: Final = "tenant_id"
SCOPE: Final = "scope"
KIND: Final = "kind"
EVENT: Final = "event_id"
MESSAGE: Final = "message"
MESSAGE_ID: Final = "message_id"
OCCURRED_AT: Final = "occurred_at"
EXPIRES_AT: Final = "expires_at"
LANGUAGE: Final = "language"
IMPORTANCE: Final = "importance"
TOPIC: Final = "topic"
LEXICAL: Final = "lexical"
LINKED: Final = "linked_memory_ids"
PREVIOUS: Final = "previous"
REPLACES: Final = "replaces"
METADATA: Final = "metadata"
ARCHIVED: Final = "archived"
YES: Final = "yes"
NO: Final = "no"

EXACT_FLOAT: Final = 2**53
"""Up to here a float can hold every whole number."""


def metadata_field(name: str) -> str:
    """The payload field of one metadata value; a name that holds `"` or a backslash has none."""
    return f'{METADATA}."{name}"'


class Index(StrEnum):
    """How a payload field is indexed."""

    TENANT = "tenant"
    OWNER = "owner"
    KEYWORD = "keyword"
    DATETIME = "datetime"
    BM25 = "bm25"


# A view's filter names an owner in each request, so metadata needs no index: few points are left to look at.
INDEXES: Final[dict[str, Index]] = {
    TENANT: Index.TENANT,
    USER: Index.OWNER,
    AGENT: Index.OWNER,
    SESSION: Index.KEYWORD,
    SCOPE: Index.KEYWORD,
    KIND: Index.KEYWORD,
    EVENT: Index.KEYWORD,
    HASH: Index.KEYWORD,
    PREVIOUS: Index.KEYWORD,
    LINKED: Index.KEYWORD,
    LANGUAGE: Index.KEYWORD,
    TOPIC: Index.KEYWORD,
    ARCHIVED: Index.KEYWORD,
    OCCURRED_AT: Index.DATETIME,
    CREATED_AT: Index.DATETIME,
    EXPIRES_AT: Index.DATETIME,
    LEXICAL: Index.BM25,
}


@dataclass(frozen=True, slots=True)
class Hnsw:
    """Every dense query names a user or an agent. So there is no graph over the whole collection (`m` 0), only one for
    each user and agent that is large enough to need it (`payload_m`, on OWNER fields alone). Nearly all owners are
    smaller, and are scored exactly through the payload index. Building graphs for every field took 29 s for 20,000
    points of 512 dimensions; building these takes one second, and searches are as fast.
    """

    m: int = 0
    payload_m: int = 16
    ef_construct: int = 128
    full_scan_threshold_kb: int = 10_000


@dataclass(frozen=True, slots=True)
class Optimizers:
    """Qdrant's own defaults, pinned here so that another server configuration does not change them."""

    indexing_threshold_kb: int = 10_000
    deleted_threshold: float = 0.2
    vacuum_min_vector_number: int = 1_000
    flush_interval_seconds: int = 5


@dataclass(frozen=True, slots=True)
class Bm25:
    """The parameters of BM25. `b` says how much a text's length counts. Turns of a conversation are short, so it counts
    less than for documents (0.75); on the development part of the recall benchmark 0.4 did best.
    """

    k: float = 1.2
    b: float = 0.4


HNSW: Final = Hnsw()
BM25: Final = Bm25()
OPTIMIZERS: Final = Optimizers()
