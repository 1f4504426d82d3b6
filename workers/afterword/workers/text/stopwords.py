"""Small sets of words that carry grammar, not content: they vote for a language, and are left out of the terms."""

from __future__ import annotations

from typing import Final

_WORDS = {
    "en": """
        a about after again all am an and any are aren't as at be because been before being but by can can't could
        couldn't did didn't do does doesn't doing don't down during each few for from further had hadn't has hasn't
        have haven't having he he'd he'll he's her here hers herself him himself his how i i'd i'll i'm i've if in
        into is isn't it it's its itself just let's me more most my myself no nor not of off on once only or other
        our ours out over own same she she'd she'll she's should shouldn't so some such than that that's the their
        theirs them themselves then there there's these they they'd they'll they're they've this those through to
        too under until up us very was wasn't we we'd we'll we're we've were weren't what what's when where which
        while who whom why will with won't would wouldn't you you'd you'll you're you've your yours yourself
    """,
    "es": """
        a al algo como con cuando de del desde donde el ella ellos en era es esa ese eso esta este esto estoy está
        cuál cuándo cómo dónde quién están fue ha hace hay he la las le les lo los me mi mis muy más nada ni no nos
        o para pero por porque que qué se ser si sin sobre son soy su sus también te tengo tiene tu un una uno y ya
        yo él
    """,
    "fr": """
        a ai as au aux avec c'est ce ces cette dans de des du elle elles en est et eux il ils j'ai je la le les leur
        leurs lui ma mais me mes moi mon même ne nos notre nous on ont ou où par pas plus pour qu que qui sa sans se
        ses si son sont suis sur ta te tes toi ton tu un une vos votre vous y à été être
    """,
    "de": """
        aber als am an auch auf aus bei bin bis bist da das dass dein dem den der des dich die dir doch du ein eine
        einem einen einer eines er es für habe haben hat hatte hier ich ihm ihn ihr ihre im in ist ja kann kein
        keine man mein meine meinem meinen meiner mich mir mit nach nicht noch nur oder ohne schon sehr sein seine
        sich sie sind so und uns unser unter vom von vor war was wenn wer wie wir wird wo zu zum zur über
    """,
    "it": """
        a ai al alla anche che chi ci come con cosa da dal dalla de degli dei del della delle di dove e ed era gli
        ha hai hanno ho i il in io la le lei li lo loro lui ma mi mia mio molto ne nei nel nella no noi non nostro o
        per perché più quando questa questo se sei si sia sono su sul sulla tra tu tuo un una uno vi voi è
    """,
    "pt": """
        a ao aos as até com como da das de dele dela do dos e ela ele em entre era essa esse esta este eu foi há
        isso isto já lhe mais mas me meu minha muito na nas no nos não nós o os ou para pela pelo por porque quando
        que quem se sem ser seu sua são também te tem tenho um uma você à é
    """,
    "nl": """
        aan al als bij dan dat de deze die dit doen door een en er ge geen had heb hebben heeft hem het hier hij hoe
        hun ik in is ja je jij kan maar me meer met mij mijn moet na naar niet nog nu of om omdat onder ons ook op
        over te tegen toch toen tot u uit van veel voor waar was wat we wel werd wie wij zal ze zich zij zijn zo zou
    """,
    "sv": """
        alla att av bara blev blir då de dem den det detta dig din dina ditt du där efter ej eller en er ett från
        för ha hade han har hennes hon hur här i icke inte jag ju kan man med men mig min mina mitt mot mycket ni nu
        när och om oss på sig sin sina sitt ska som så till under upp ut utan vad var vara vi vid vilken är över
    """,
}

STOP_WORDS: Final = {language: frozenset(words.split()) for language, words in _WORDS.items()}
"""By ISO 639-1 code. English comes first: it wins a tie."""

ENGLISH: Final = STOP_WORDS["en"]
HAN_STOP_CHARACTERS: Final = frozenset("的了是在我你他她它们和与也都就而及着或这那有不吗呢吧啊么个一很到说要会")
