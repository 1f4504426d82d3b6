"""Recall: from a question to the memories that belong in the prompt.

One question from end to end. On 5 July 2025 it was learned that "Ann lives in Rome", on 1 May 2026 that "Ann moved to
Porto in March". Ann also said two things, which are kept as excerpts: "We moved to Porto in March, by the river." and
"The cat hates the boxes." On 1 May 2026 she asks "Where does Ann live now?", and words are hashed (no model):

1. `answering` takes the `ContextRequest`. `ledger_reader` says that memory is on. `corners` names two corners to
   search: the facts of the user, and the user's excerpts, 40 deep each.
2. `question.parsing` reads it: terms `ann live now`, `wants_current=True`, no period, no small talk.
   `question.embedding` adds its vector, its topic `home`, and the scale of its similarities (`question.calibration`),
   which trusts this embedder little: .03.
3. `finding.corner_search` sends one request and gets a listing for each corner, ids and raw scores only:

       facts      dense: Rome .38, Porto .31     lexical: Rome 1.13, Porto 1.09
       excerpts   dense: river .00, cat .00      lexical: none

4. `ranking.evidence` makes both signals comparable: Rome `dense=.13, lexical=1.0`, Porto `dense=.10, lexical=.97`. Only
   now `finding.corner_search` fetches the payloads of the best.
5. `ranking.scores` adds up all signals. The question asks how things are now, so recency counts:

       Porto   1.05 = dense .01 + lexical .53 + learned .25 + recency .25
       Rome     .84 = dense .02 + lexical .55 + learned .25 + recency .02
       river    .39 = topic .08 + importance .06 + recency .25
       cat      .30 = importance .05 + recency .25

   `ranking.replacement` sees that Porto has taken the place of Rome, which stays right below it.
6. `ranking.shortlist` keeps the relevant ones, each thing once: Porto (.75) and Rome (.77) reach the floor of .3, the
   excerpts (0) do not. The verdict is `passed`. There is room, so `finding.neighbours` looks for memories that
   complete the two, and finds none.
7. `budget` fits them into 12 memories and the token budget, and they are rendered in the order of time:

       ## About the user
       - (2025-07-05) Ann lives in Rome
       - (2026-05-01) Ann moved to Porto in March

Each part that asks a server has its share of the time left (`steps`); when one is late or away, the answer is made
without it, and `degraded` names it.
"""
