"""Values and phrasings that never occur in training; the tests ask for every one of them."""

from __future__ import annotations

# Arguments a tool call must copy exactly: names of places, codes, addresses, other scripts.
ARGUMENTS: tuple[str, ...] = (
    "Paris",
    "London",
    "Berlin",
    "Madrid",
    "Lisbon",
    "Vienna",
    "Oslo",
    "Nairobi",
    "Toronto",
    "Sydney",
    "Mumbai",
    "Jakarta",
    "Seattle",
    "Bangkok",
    "Casablanca",
    "Reykjavik",
    "Ouagadougou",
    "Antananarivo",
    "Llanfairpwllgwyngyll",
    "San Francisco",
    "New York City",
    "Rio de Janeiro",
    "Buenos Aires",
    "Kuala Lumpur",
    "Ho Chi Minh City",
    "Salt Lake City",
    "Los Angeles",
    "Cape Town",
    "Addis Ababa",
    "Santiago de Compostela",
    "Walla Walla",
    "Baden-Baden",
    "Stratford-upon-Avon",
    "Winston-Salem",
    "Saint-Étienne",
    "Aix-en-Provence",
    "Bosnia-Herzegovina",
    "Val-d'Isère",
    "L'Aquila",
    "Coeur d'Alene",
    "St. John's",
    "O'Fallon",
    "São Paulo",
    "Kraków",
    "Zürich",
    "Malmö",
    "Łódź",
    "Curaçao",
    "Bogotá",
    "Český Krumlov",
    "Tromsø",
    "Reykjavík",
    "Győr",
    "İzmir",
    "東京",
    "北京",
    "서울",
    "Москва",
    "Αθήνα",
    "القاهرة",
    "ירושלים",
    "दिल्ली",
    "AX-4471",
    "ORD-2024-00917",
    "INV/88/31-C",
    "B7Q9Z2",
    "zx81",
    "SKU_5520_blue",
    "#40318",
    "v2.17.3",
    "10115",
    "jane.doe@example.com",
    "ops+alerts@mail.example.org",
    "https://example.com/a/b?id=7",
    "src/main/app_config.yaml",
    "2026-11-23",
)

# Code words hidden in long prompts.
CODE_WORDS: tuple[str, ...] = (
    "copper-lantern-42",
    "BLUE-HERON-17",
    "quartz meadow 908",
    "tangerine-88",
    "Falcon7391",
    "violet-anchor",
    "K3-zebra-55",
    "maple_river_6",
    "opal.harbor.31",
    "seventeen-otters",
)

# What a tool answered, and what the answer must then contain, character by character.
TOOL_RESULTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ('{"temperature_c": 21, "sky": "clear"}', ("21", "clear")),
    ('{"temperature_c": -7, "sky": "light snow"}', ("-7", "light snow")),
    ('{"city": "Kraków", "humidity": 63}', ("Kraków", "63")),
    (
        '{"status": "shipped", "carrier": "Nordpost", "eta": "2026-12-04"}',
        ("shipped", "Nordpost", "2026-12-04"),
    ),
    ('{"price": 1849.95, "currency": "EUR"}', ("1849.95", "EUR")),
    ('{"ok": true}', ("true",)),
    ('{"error": "no such order"}', ("no such order",)),
    ('{"owner": "Mireille O\'Dowd", "open_tickets": 12}', ("Mireille O'Dowd", "12")),
    ("21 degrees and sunny", ("21 degrees and sunny",)),
    ("404", ("404",)),
    ("Überraschung: 7 Stück", ("Überraschung: 7 Stück",)),
)

# The model is known to miscopy these; the tests expect it to, so that mending it shows.
MISCOPIED_RESULTS = ("Departs at 14:35 from platform 9",)

# Questions about the model itself.
IDENTITY: tuple[str, ...] = (
    "Who are you?",
    "What are you?",
    "Which model am I talking to?",
    "Are you really GLM-5.1?",
    "Hey, what is your name?",
    "Tell me a bit about yourself.",
    "what model is this",
    "Are you an AI or a person?",
)

# Things outside its world.
OUTSIDE: tuple[str, ...] = (
    "What is the capital of France?",
    "Write a poem about the sea.",
    "What is 17 times 23?",
    "Explain quantum entanglement to a child.",
    "Who won the world cup in 1998?",
    "Translate 'good morning' into Spanish.",
    "How do I sort a list in Rust?",
    "Summarize the plot of Hamlet in two sentences.",
    "Give me a recipe for pancakes.",
    "Why is the sky blue?",
)

GREETINGS: tuple[str, ...] = ("Hello!", "Good evening to you", "hi there, how are you?")


# Very short values ("zx81") occur by chance; no other may occur in training at all.
_SPOILERS: tuple[str, ...] = tuple(
    value for value in (*ARGUMENTS, *CODE_WORDS) if len(value) > 4 or not value.isascii()
)
_PHRASINGS = frozenset(phrase.casefold() for phrase in (*IDENTITY, *OUTSIDE, *GREETINGS))


def mentions_held_out(text: str) -> bool:
    """Whether a training text contains a held-out value, or is one."""
    return text in ARGUMENTS or any(value in text for value in _SPOILERS)


def is_held_out_phrasing(text: str) -> bool:
    """Whether a user's message is one of the held-out ones, whatever its case."""
    return text.strip().casefold() in _PHRASINGS
