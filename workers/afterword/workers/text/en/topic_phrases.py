"""Phrases of each topic in English: a topic is where their vectors lie on average."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TOPIC_PHRASES: Final[Mapping[str, tuple[str, ...]]] = {
    "family": (
        "my wife and our children",
        "my parents, my brother and my sister",
        "she is expecting a baby",
        "our grandmother raised us",
        "they got married and had a son",
    ),
    "work": (
        "my job at the company",
        "a meeting with my boss and my colleagues",
        "I was laid off and look for a new job",
        "the deadline of a project for a client",
        "she was promoted to manager",
    ),
    "health": (
        "the doctor gave me a diagnosis",
        "I take medicine for my illness",
        "my back hurts and I cannot sleep",
        "allergic to something",
        "surgery at the hospital",
    ),
    "food": (
        "what I like to eat and drink",
        "cooking dinner with a new recipe",
        "a meal at the restaurant",
        "coffee, bread and cheese",
        "I do not eat meat",
    ),
    "travel": (
        "a trip abroad",
        "booking a flight and a hotel",
        "we backpacked through the country",
        "passport, visa and luggage",
        "a week on an island",
    ),
    "home": (
        "my flat and the landlord",
        "renovating the house",
        "furniture for the living room",
        "the washing machine broke and water is everywhere",
        "moving to another apartment",
    ),
    "money": (
        "saving money and a budget",
        "a bank loan and debts",
        "investing in shares and funds",
        "paying bills and taxes",
        "I cannot afford it",
    ),
    "pets": (
        "my dog needs a walk",
        "our cat and its food",
        "taking the animal to the vet",
        "a pet rabbit, a parrot, a turtle",
        "we adopted a puppy",
    ),
    "sport": (
        "training for a race",
        "playing football in a team",
        "weights at the gym",
        "a tennis match",
        "I swim, run and do yoga",
    ),
    "arts": (
        "playing the piano",
        "a concert and the songs of a band",
        "a novel I am reading",
        "a film at the cinema",
        "painting and photography",
    ),
    "learning": (
        "studying at university",
        "an exam in mathematics",
        "learning a new language",
        "the teacher gave us homework",
        "writing my thesis",
    ),
    "technology": (
        "writing code for an app",
        "my computer crashes",
        "the software needs an update",
        "the server, the database and the network",
        "a new phone",
    ),
    "feelings": (
        "I feel sad and lonely",
        "anxious and stressed about everything",
        "I am so happy and proud",
        "I cried all night",
        "he was angry",
    ),
    "social": (
        "meeting old friends",
        "a party with many guests",
        "dating somebody new",
        "we argued and do not speak any more",
        "my neighbours and the club",
    ),
    "plans": (
        "an appointment tomorrow at nine",
        "remind me of the date",
        "the wedding is scheduled for June",
        "planning a birthday celebration",
        "put it in my calendar",
    ),
}
