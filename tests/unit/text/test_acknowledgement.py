"""Answers of an assistant that tell nothing."""

from __future__ import annotations

import pytest

from afterword.workers.text.acknowledgement import says_nothing


@pytest.mark.parametrize(
    "text",
    [
        "Let me think about that for you.",
        "Let me think about that for you",
        "Sure! Let me check.",
        "Of course, one moment please…",
        "I'll look into it — hold on.",
        "Good question! I’ll get back to you on that.",
        "Got it, I'll remember that.",
        "Great, noted. Anything else I can help you with?",
        "I'm sorry, I don't know that.",
        "Hmm… let me see",
        "Yes, let me check that for you.",
        "是的，我会记住。",
        "You're welcome!",
        "👍",
        "好的，让我想想。",
        "好的，我帮您查一下，请稍等。",
        "没问题！我稍后会告诉你。",
        "这是个好问题，容我想一想",
        "抱歉，我不知道。",
        "收到，我记下了。",
    ],
)
def test_it_acknowledges_or_promises(text: str) -> None:
    assert says_nothing(text)


@pytest.mark.parametrize(
    "text",
    [
        "Let me think: you are allergic to peanuts.",
        "You are allergic to peanuts.",
        "Let me check the ferry to Naxos for you.",
        "I'll book the table at Rossi's.",
        "Sure, at nine.",
        "Yes, the blue one.",
        "Yes.",
        "No, that's wrong.",
        "是的。",
        "Done, it is booked.",
        "I'll get back to you on Monday about the visa.",
        "Remember that Tom hates cilantro.",
        "Peanuts",
        "42",
        "好的，你对花生过敏。",
        "让我想想，你住在里斯本。",
        "我帮你订了九点的票。",
        "好的，九点见。",
        "Sure. " * 60,
        "Ich denke darüber nach.",
    ],
)
def test_it_tells_something(text: str) -> None:
    assert not says_nothing(text)
