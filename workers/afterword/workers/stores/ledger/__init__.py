"""The ledger: what happened, and what is still to do, in PostgreSQL.

A table and its queries stand in one module, named after a row. A table that one room of the services uses alone stands
in a room of that name; a table that several use stands here.

- `ingest/`      conversations, their transcripts, the turns that a session has seen
- `extraction/`  subjects and claims, how far conversations have come, the journal, the breaker, calls to the LLM
- `analytics/`   statistics as they are counted, rollups, snapshots, figures read from them
- `upkeep/`      dead letters, milestones of the scheduler, its leadership, what waits and for how long
- `agents`, `audit`, `collections`, `deletions`, `keys`, `memories`

Queries take an open connection, so that a service decides what is committed together:

>>> with database.transaction() as connection:  # doctest: +SKIP
...     journal.write(connection, entry)
...     audit.write(connection, events)
"""
