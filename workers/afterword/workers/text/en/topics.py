"""A few dozen English words of each topic."""

from __future__ import annotations

from typing import Final

TOPIC_WORDS: Final = {
    "family": """
        family wife husband spouse son daughter child kid baby toddler mother father mum mom mummy dad daddy parent
        brother sister sibling twin grandmother grandfather grandma grandpa grandson granddaughter uncle aunt cousin
        nephew niece pregnant divorce married marriage anniversary stepson mother-in-law
    """,
    "work": """
        work job boss manager colleague coworker office career promotion interview salary meeting deadline client
        customer employer employee company startup shift project team hire hired fired resign quit intern contract
        freelance business presentation report nurse engineer lawyer accountant architect retire unemployed
    """,
    "health": """
        health doctor hospital dentist clinic allergy allergic medicine medication pill tablet pain ache headache
        migraine fever flu cold cough injury injured surgery operation diagnosis diagnosed therapy physiotherapist
        sleep insomnia diabetes asthma pressure cholesterol symptom vaccine blood knee back tooth sick ill disease
    """,
    "food": """
        food eat ate eating cook cooking bake baking recipe restaurant breakfast lunch dinner supper meal snack coffee
        tea wine beer bread cake cheese soup pasta pizza rice noodle vegetable fruit vegetarian vegan meat fish chicken
        spicy sweet taste delicious dish kitchen dessert chocolate salad sushi curry oven drink
    """,
    "travel": """
        travel trip journey flight fly flew airport plane hotel hostel holiday vacation passport visa luggage suitcase
        train abroad tour tourist sightseeing beach island mountain camping cruise itinerary destination backpacking
        museum seat airline
    """,
    "home": """
        home house flat apartment rent landlord mortgage neighbour neighbor kitchen bathroom bedroom garden furniture
        sofa renovate renovation paint roof garage lawn balcony move moved moving tenant plumber boiler clean cleaning
        repair wardrobe curtain lease live
    """,
    "money": """
        money pay paid cost price budget save saving savings bank loan debt mortgage tax invest investment stock share
        pension insurance invoice credit card euro dollar pound income expense bill afford cheap expensive fund
    """,
    "pets": """
        pet dog puppy cat kitten rabbit hamster parrot bird fish aquarium horse vet leash paw breed retriever terrier
        poodle tortoise guinea litter
    """,
    "sport": """
        sport football soccer basketball tennis badminton swim swimming run running marathon gym workout exercise yoga
        cycling bike bicycle climb climbing ski skiing hike hiking match coach training race jog jogging golf rugby
        cricket volleyball boxing dance fitness league goalkeeper pilates surf
    """,
    "arts": """
        music song sing singing band concert guitar piano violin cello drum choir album film movie cinema series
        novel book read reading author poem poetry painting paint draw drawing gallery theatre theater opera museum
        photography photo jazz podcast dancing ballet sculpture
    """,
    "learning": """
        learn learning study studying school university college course class lesson exam test teacher professor
        student degree thesis homework language vocabulary grammar lecture tutor graduate graduated diploma scholarship
        semester math physics chemistry certificate
    """,
    "technology": """
        computer laptop phone smartphone app software code coding programming python javascript database server
        website internet wifi router password account update bug algorithm model data linux windows android iphone
        printer camera robot cloud api script keyboard browser deploy
    """,
    "feelings": """
        feel feeling happy sad angry anxious anxiety worry worried afraid scared stress stressed lonely depressed
        nervous excited proud guilty jealous ashamed upset grief miss hope cry cried overwhelmed frustrated grateful
        mood tired exhausted burnout confident embarrassed heartbroken
    """,
    "social": """
        friend friendship party neighbour neighbor guest invite invited date dating girlfriend boyfriend roommate
        classmate club community volunteer volunteering church together chat gathering reunion argue argued argument
        relationship flatmate bestie
    """,
    "plans": """
        plan planning planned appointment schedule scheduled calendar reminder remind wedding birthday ceremony event
        tomorrow tonight reserve reservation booking booked intend goal resolution conference festival celebrate
        celebration upcoming weekend agenda
    """,
}
"""By the topic's name (see `topic_words.Topic`)."""
