"""The little that is known of languages other than English and Chinese, as data."""

from __future__ import annotations

from typing import Final

STOP_WORDS: Final = {
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
"""Words that carry grammar, by ISO 639-1 code."""

SMALL_TALK: Final = """
    hola gracias adios vale claro buenos buenas dias noches hasta luego favor perdon
    bonjour merci salut oui non bonsoir revoir accord bien sur plait
    danke hallo bitte tschuss ja nein gut morgen abend nacht genau prima
    ciao grazie prego buongiorno buonasera ola obrigado obrigada tchau sim nao
"""
"""Words that carry a conversation on without being about anything, without their accents."""

SMALL_TALK_PHRASES: Final = (
    "ありがとうございます|ありがとう|こんにちは|おはよう|こんばんは|おやすみ|はい|いいえ|すみません|さようなら|"
    "감사합니다|고마워|안녕하세요|안녕|네|아니요|ขอบคุณ|สวัสดี"
)
"""The same in scripts that do not part their words, as a regular expression."""

ASKS_FOR_NOW: Final = "今はもう|今は|現在|最近の"
"""Japanese signs that a question asks how things are now."""

ASKS_FOR_ALL: Final = (
    r"私のこと(?:を|は|について)?(?:何を)?(?:知って|覚えて)[いる]*(?:の|か|んですか)?|私は誰(?:ですか)?"
)
"""Japanese questions for whatever is known of who asks."""
