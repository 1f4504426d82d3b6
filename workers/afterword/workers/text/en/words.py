"""English words that carry grammar, words of small talk, and forms that no stemmer brings together."""

from __future__ import annotations

from typing import Final

_STOP_WORDS = """
    a about after again all am an and any are aren't as at be because been before being but by can can't could
    couldn't did didn't do does doesn't doing don't down during each few for from further had hadn't has hasn't
    have haven't having he he'd he'll he's her here hers herself him himself his how i i'd i'll i'm i've if in
    into is isn't it it's its itself just let's me more most my myself no nor not of off on once only or other
    our ours out over own same she she'd she'll she's should shouldn't so some such than that that's the their
    theirs them themselves then there there's these they they'd they'll they're they've this those through to
    too under until up us very was wasn't we we'd we'll we're we've were weren't what what's when where which
    while who whom why will with won't would wouldn't you you'd you'll you're you've your yours yourself
"""
STOP_WORDS: Final = frozenset(_STOP_WORDS.split())
"""Words that carry grammar, not content."""

SMALL_TALK: Final = """
    thanks thank thx ty cheers please sorry pardon welcome hello hi hey hiya yo morning afternoon evening night
    good great nice fine cool awesome perfect lovely excellent amazing wonderful super brilliant wow
    bye goodbye cya later tomorrow soon now talk see ok okay okey kay yes yeah yep yup yea no nope nah sure right
    exactly absolutely definitely agreed correct true indeed course alright
    lol haha hahaha hehe hmm hm uh um er oh ah aha ooh oops wait stop continue go ahead next
    repeat again say mean sense make really help helpful lot much bit sound got get understand understood
    funny happy glad welcome problem worry let know thing
"""
"""Words that carry a conversation on without being about anything."""

_FORMS = """
    become: became · begin: began begun · bend: bent · bet: betting · bite: bit bitten · bleed: bled
    blow: blew blown · break: broke broken · breed: bred · bring: brought · build: built · burn: burnt
    buy: bought · catch: caught · choose: chose chosen · come: came · creep: crept · cut: cutting · deal: dealt
    die: dying · dig: dug · draw: drew drawn · dream: dreamt · drink: drank drunk · drive: drove driven
    eat: ate eaten · fall: fell fallen · feed: fed · feel: felt · fight: fought · find: found · flee: fled
    fly: flew flown · forbid: forbade forbidden · forget: forgot forgotten · forgive: forgave forgiven
    freeze: froze frozen · get: got gotten getting · give: gave given · go: went gone goes · grow: grew grown
    hang: hung · hear: heard · hide: hid hidden · hit: hitting · hold: held · keep: kept · kneel: knelt
    know: knew known · lay: laid · lead: led · lean: leant · learn: learnt · leave: left · lend: lent
    lie: lain lying · lose: lost · make: made · mean: meant · meet: met · mow: mown · pay: paid · put: putting
    quit: quitting · ride: rode ridden · ring: rang rung · rise: rose risen · run: ran running · say: said
    see: saw seen · seek: sought · sell: sold · send: sent · sew: sewn · shake: shook shaken · shine: shone
    shoot: shot · show: shown · shrink: shrank shrunk · sing: sang sung · sink: sank sunk · sit: sat sitting
    sleep: slept · slide: slid · smell: smelt · speak: spoke spoken · spell: spelt · spend: spent · spill: spilt
    spin: spun · split: splitting · spread: spreading · stand: stood · steal: stole stolen · stick: stuck
    sting: stung · strike: struck · strive: strove striven · swear: swore sworn · sweep: swept · swell: swollen
    swim: swam swum · swing: swung · take: took taken · teach: taught · tear: tore torn · tell: told
    think: thought · throw: threw thrown · tie: tying · understand: understood · wake: woke woken
    wear: wore worn · weep: wept · win: won winning · wind: wound · write: wrote written
    child: children · foot: feet · goose: geese · half: halves · knife: knives · leaf: leaves · life: lives
    loaf: loaves · man: men · mouse: mice · person: people · shelf: shelves · thief: thieves · tooth: teeth
    wife: wives · wolf: wolves · woman: women · good: better best · bad: worse worst
"""


def _bases() -> dict[str, str]:
    entries = (entry.split(":") for line in _FORMS.strip().splitlines() for entry in line.split("·"))
    return {form: base.strip() for base, forms in entries for form in forms.split()}


BASES: Final = _bases()
"""Form → the word it is a form of. Forms of grammatical words are left out: they are no search terms."""
