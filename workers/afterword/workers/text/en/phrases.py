"""English phrases that tell what a question asks for, and what a memory tells. Regular expressions, without regard to
case, unless said otherwise.
"""

from __future__ import annotations

from typing import Final

ASKS_FOR_NOW: Final = (
    r"\b(?:now|nowadays|currently|current|these days|at the moment|at present|latest|newest|lately|still|any ?more)\b"
)
"""A question asks how things are now."""

ASKS_FOR_ALL: Final = (
    r"\b(?:what(?: else)? do you (?:already )?(?:know|remember|recall) (?:about|of) me"
    r"|what have you (?:learned|learnt) about me|tell me what you (?:know|remember) about me"
    r"|do you (?:still )?(?:know|remember|recall) me|who am i)"
)
"""A question asks for whatever is known of who asks."""

ASKS_FOR_PAST: Final = (
    r"\b(?:used to|before|previous\w*|former\w*|earlier|originally|at first|back then|old|was|were|did)\b"
)
"""A question asks how things were."""

ATTRIBUTES: Final = {
    "home": (
        "live lives lived living move moves moved moving relocate relocates relocated relocating rent rents rented flat"
        " apartment"
    ),
    "work": (
        "work works worked working job employed employs hired promoted self-employed retire retired retires freelance"
        " freelancing joined resigned ward unit department theatre drives driven bus buses tram trams taxi truck"
    ),
    "school": "study studies studied studying school university college major degree",
    "partner": "single dating engaged married divorced separated widowed husband wife girlfriend boyfriend",
    "called": "called named renamed name",
    "eats": "vegan vegetarian diet breakfast eat eats eating",
    "owns": "bought owns uses switched camera phone car laptop bike telescope shoes",
}
"""Words that tell an attribute of somebody, one that can change, by the attribute's name."""

CHANGE: Final = (
    "move moves moved moving relocated change changed changes switch switched now longer anymore instead became since"
    " started start starts new quit left resigned retire retired renamed bought sold gave stopped stop will joined"
    " promoted divorced married"
)
"""Words that tell of a change."""

WORD: Final = r"[a-z]+(?:-[a-z]+)*"
"""One word, in lower case, as the lists above have them."""

TIME_FIRST: Final = r"(?:in|on|by|since|from|as of|until|at|for) [^,]{0,40}?\b(?:19|20)\d\d,? "
"""A time that a fact begins with."""

SUBJECT: Final = (
    r"(?:the |my )?([^\W\d_][\w-]*(?:['’]s [\w-]+(?: (?!is|was|are|were|has|will|had|does|works?|lives?)[\w-]+)?)?)"
)
"""Whom or what a fact begins with: "Ann", "Ann's band"; its group is the name."""

IS_SOMETHING: Final = r" (?:is|was|are|were|has been|will be)\b"
"""How a fact goes on after its subject when it tells what that is."""

_THIS = r"(?:that|this|it|these|those)"
_A_MOMENT = r"(?:(?:for |give me )?(?:just )?(?:a|one) (?:moment|second|sec|minute|bit))"
_DOES = (
    rf"(?:think(?: (?:about|over|through) {_THIS}| {_THIS} (?:over|through))?|look(?: into {_THIS}|(?: {_THIS})? up)?"
    rf"|see|check(?: (?:on )?{_THIS})?|find(?: {_THIS})? out|consider {_THIS}|work on {_THIS}|get (?:right )?on {_THIS}"
    rf"|have a (?:look|think)(?: at {_THIS})?|take a (?:look|moment)(?: at {_THIS})?|do (?:{_THIS}|so)|let you know"
    rf"|get back to you(?: (?:on|about) {_THIS})?|take care of {_THIS}|(?:make a )?note (?:of )?{_THIS}"
    rf"|remember {_THIS}|(?:keep|bear) {_THIS} in mind)"
)

SAYS_NOTHING: Final = (
    r"(?:let me|i'll|i will|i'm going to|i am going to|let's|allow me to|i can|happy to)(?: just| quickly)?"
    rf" {_DOES}(?: for you)?(?: {_A_MOMENT})?(?: (?:now|first|right away|again))?",
    rf"(?:thinking|checking|(?:looking into|working on) {_THIS}|hmm+|hm|uh|well|oh|ah|so)",
    rf"{_A_MOMENT}(?: please)?|hold on|bear with me|please wait|please",
    r"(?:sure(?: thing)?|of course|certainly|absolutely|definitely|okay|ok|alright|all right|great|perfect|will do)",
    r"(?:no problem|not a problem|you're welcome|my pleasure|any ?time|(?:glad|happy) (?:i could|to) help)",
    r"(?:got it|understood|noted|i see|i understand|thanks|thank you)(?: for (?:asking|sharing|letting me know))?",
    r"(?:(?:that's|that is|what) an? )?(?:(?:very|really) )?(?:good|great|interesting|excellent) (?:question|point)",
    r"(?:i'm |i am )?(?:so |very )?(?:sorry|afraid)",
    rf"(?:i'm afraid )?i (?:do not|don't)(?: actually| currently)? (?:(?:know|remember|recall)(?: {_THIS})?"
    rf"|have {_THIS} information)|(?:i'm|i am) not sure(?: (?:about|of) {_THIS})?",
    r"(?:is there )?anything else(?: i can (?:do|help(?: you)?)(?: with| for you)?)?|how can i help(?: you)?(?: today)?"
    r"|(?:let me know|tell me) if (?:there is|there's|you need) anything else",
)
"""Clauses of an assistant that acknowledge, promise or put off, and tell nothing. Each is a whole clause."""

YES_OR_NO: Final = r"(?:yes|yeah|yep|no|nope|right|correct)"
"""A word that adds nothing beside such a clause, but answers a question when it stands alone."""

_DAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_MONTHS = "january|february|march|april|june|july|august|september|october|november|december"
_UNITS = "hour|day|night|weekend|week|month|season|year|spring|summer|autumn|fall|winter|decade"
_COUNTS = r"an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|few|several|couple of|\d+"

TELLS_TIME: Final = (
    rf"\b(?:yesterday|today|tonight|tomorrow|ago|since|(?:{_DAYS})s?|{_MONTHS}|(?:19|20)\d\d|o'clock"
    rf"|(?:last|this|next|every) (?:{_UNITS}|{_DAYS})|(?:{_COUNTS}) (?:{_UNITS})s?|\d+(?:st|nd|rd|th)"
    r"|\d{1,2}[:.]\d\d|just (?:got|came|finished|started|moved|left))\b"
)
"""A text tells when something was or will be."""
