"""Random values for arguments, results and code words: what the model learns to copy."""

from __future__ import annotations

import random
from collections.abc import Callable

from .held_out import mentions_held_out
from .words import vocabulary

ONSETS = (
    "b c d f g h j k l m n p q r s t v w x y z br ch cl cr dr fl fr gr kh kr ll ph pr qu sh sl "
    "st sz th tr ts tz zh sch"
).split()
NUCLEI = "a a e e i i o o u u ai au ea ee ei ie oa oo ou y".split()
ACCENTED = "á à â ä ã å æ é è ê ë í ì î ï ó ò ô ö õ ø ú ù û ü ý ą ę ě ő ű ı ā ē ī ō ū".split()
CODAS = ["", "", "", *"b d g k l m n p r s t x z ck ld lm ng nk nt rd rg rk rn rt sk st tz".split()]
ACCENTED_CODAS = "ç č ć ď ł ń ň ñ ř š ś ş ť ž ź ż ß ğ đ".split()
LEADS = (
    "San Santa Santo Saint St. New Old Los Las El La Le Les Den Fort Port Mount Lake North South "
    "East West Upper Lower Great Little Bad Villa Rio Puerto Monte Al Ait Nova Novo São Sankt"
).split()
TAILS = "City Town Beach Park Springs Falls Hill Bay Island Valley Heights Junction".split()
LINKS = "de del da do la le en sur upon am an der on by of the".split()
SMALL = (
    "a an the is are was no not of in on at to by for with and or it this that from as be has "
    "such found new old sunny clear rain wind order file light open degrees day today"
).split()
DOMAINS = "com org net io dev co.uk de fr edu info".split()
ALPHABETS: tuple[tuple[int, int], ...] = (
    (0x4E00, 0x9FA0),  # Chinese characters
    (0x4E00, 0x9FA0),
    (0x3041, 0x3097),  # Hiragana
    (0x30A1, 0x30F7),  # Katakana
    (0xAC00, 0xD7A4),  # Hangul
    (0x0430, 0x0450),  # Cyrillic
    (0x03B1, 0x03CA),  # Greek
    (0x0621, 0x064B),  # Arabic
    (0x05D0, 0x05EB),  # Hebrew
    (0x0904, 0x0950),  # Devanagari
    (0x0905, 0x093A),
    (0x0E01, 0x0E31),  # Thai
    (0x00C0, 0x0180),  # Latin with accents
    (0x1F300, 0x1F650),  # pictographs
)


def pseudo_word(rng: random.Random, accent: float = 0.0) -> str:
    """Invent a pronounceable word; `accent` is the chance of an accented letter per syllable."""
    parts: list[str] = []
    for _ in range(rng.choice((1, 2, 2, 2, 3, 3, 4))):
        parts.append(rng.choice(ONSETS) if rng.random() < 0.9 else "")
        parts.append(rng.choice(ACCENTED) if rng.random() < accent else rng.choice(NUCLEI))
        parts.append(rng.choice(ACCENTED_CODAS) if rng.random() < accent / 2 else rng.choice(CODAS))
    return "".join(parts)


def word(rng: random.Random) -> str:
    """Return a word in lower case: half of them real, half invented."""
    return rng.choice(vocabulary()) if rng.random() < 0.5 else pseudo_word(rng)


def capitalised(rng: random.Random) -> str:
    """Return one capitalised word, sometimes accented or in all capitals."""
    base = pseudo_word(rng, rng.choice((0.0, 0.0, 0.3))) if rng.random() < 0.7 else word(rng)
    return base[:1].upper() + base[1:]


def place(rng: random.Random) -> str:
    """Return something that looks like the name of a place or a person."""
    kind = rng.random()
    name = capitalised(rng)
    if kind < 0.42:
        return name
    if kind < 0.52:
        return f"{rng.choice(LEADS)} {name}"
    if kind < 0.58:
        return f"{name} {rng.choice(TAILS)}"
    if kind < 0.68:
        return f"{name} {capitalised(rng)}"
    if kind < 0.73:
        return f"{name} {rng.choice(LINKS)} {capitalised(rng)}"
    if kind < 0.80:
        return f"{name}-{capitalised(rng)}"
    if kind < 0.84:
        return f"{name}-{rng.choice(LINKS)}-{capitalised(rng)}"
    if kind < 0.88:
        return f"{rng.choice(('L', 'D', 'O', 'N', 'Val-d', 'Q'))}'{name}"
    if kind < 0.90:
        return f"{name} d'{capitalised(rng)}"
    if kind < 0.92:
        return f"{rng.choice(LEADS)} {name}'s"
    if kind < 0.97:
        return f"{name} {name}" if rng.random() < 0.5 else f"{name}-{name}"
    return f"{name} {capitalised(rng)} {rng.choice((*TAILS, capitalised(rng)))}"


def foreign(rng: random.Random) -> str:
    """Return a few letters of one non-Latin script, sometimes two words of them."""
    low, high = rng.choice(ALPHABETS)
    words = [
        "".join(chr(rng.randrange(low, high)) for _ in range(rng.randint(1, 8)))
        for _ in range(rng.choice((1, 1, 1, 2)))
    ]
    return " ".join(words)


def digits(rng: random.Random, low: int = 1, high: int = 6) -> str:
    """Return a run of digits; zeros in front are kept."""
    return "".join(rng.choice("0123456789") for _ in range(rng.randint(low, high)))


def letters(rng: random.Random, low: int = 1, high: int = 4) -> str:
    """Return random capitals, sometimes random small letters."""
    run = "".join(chr(rng.randrange(65, 91)) for _ in range(rng.randint(low, high)))
    return run if rng.random() < 0.7 else run.lower()


def code(rng: random.Random) -> str:
    """Return an identifier: order numbers, versions, hashes, dates."""
    kind = rng.randrange(10)
    if kind == 0:
        return f"{letters(rng)}-{digits(rng)}"
    if kind == 1:
        return f"{letters(rng, 2)}{rng.choice('-/_')}{digits(rng, 2, 4)}{rng.choice('-/_')}" + (
            digits(rng) if rng.random() < 0.7 else letters(rng)
        )
    if kind == 2:
        return "".join(rng.choice((letters(rng, 1, 1), digits(rng, 1, 1))) for _ in range(6))
    if kind == 3:
        return f"#{digits(rng, 2)}"
    if kind == 4:
        return "v" * (rng.random() < 0.7) + ".".join(digits(rng, 1, 2) for _ in range(3))
    if kind == 5:
        return digits(rng, 2, 8)
    if kind == 6:
        return f"{rng.randint(1900, 2099)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    if kind == 7:
        return f"{letters(rng)}{digits(rng, 1, 4)}"
    if kind == 8:
        return f"{letters(rng, 2)}_{digits(rng, 1, 4)}_{word(rng)}"
    return f"{rng.getrandbits(4 * 8):08x}"


def address(rng: random.Random) -> str:
    """Return an e-mail address, a URL or a path."""
    kind = rng.randrange(4)
    host = f"{word(rng)}.{rng.choice(DOMAINS)}"
    if kind == 0:
        return f"{word(rng)}@{host}"
    if kind == 1:
        return f"{word(rng)}{rng.choice('._+-')}{word(rng)}@{host}"
    if kind == 2:
        query = f"?{word(rng)}={digits(rng, 1, 3)}" if rng.random() < 0.5 else ""
        return f"https://{host}/{word(rng)}/{word(rng)}{query}"
    return f"{word(rng)}/{word(rng)}_{word(rng)}.{rng.choice(('py', 'md', 'yaml', 'json', 'txt'))}"


def phrase(rng: random.Random) -> str:
    """Return one to four words in lower case, small ones among them."""
    words = [rng.choice(SMALL) if rng.random() < 0.25 else word(rng) for _ in range(4)]
    return " ".join(words[: rng.randint(1, 4)])


def number(rng: random.Random) -> str:
    """Return a number as texts have them: plain, decimal, a time, an amount."""
    kind = rng.randrange(5)
    if kind == 0:
        return f"{rng.randrange(24):02}:{rng.randrange(60):02}"
    if kind == 1:
        return f"{digits(rng, 1, 4)}.{digits(rng, 1, 2)}"
    if kind == 2:
        return f"{digits(rng, 1, 3)}{rng.choice(('%', ' %', ' EUR', ' km', 'h', '°C', ' C'))}"
    return digits(rng, 1, 5)


def code_word(rng: random.Random) -> str:
    """Return a code word: words and numbers of a few tokens."""
    parts = [word(rng) for _ in range(rng.choice((1, 1, 2, 2, 3)))]
    shape = rng.randrange(4)
    if shape == 0:
        parts = [part.upper() for part in parts]
    elif shape == 1:
        parts = [part.capitalize() for part in parts]
    if rng.random() < 0.6:
        parts.insert(rng.choice((0, len(parts), len(parts))), digits(rng, 1, 4))
    return rng.choice(("-", "-", "-", " ", "_", ".", "")).join(parts)


MAKERS: tuple[tuple[Callable[[random.Random], str], float], ...] = (
    (place, 0.48),
    (foreign, 0.16),
    (code, 0.18),
    (address, 0.08),
    (phrase, 0.10),
)


def draw(rng: random.Random, make: Callable[[random.Random], str]) -> str:
    """Return a value of that maker which is not a held-out one."""
    while True:
        value = make(rng)
        if value.strip() == value and value and not mentions_held_out(value):
            return value


def argument(rng: random.Random) -> str:
    """Return a value of any kind, for an argument of type string."""
    makers = [make for make, _ in MAKERS]
    return draw(rng, rng.choices(makers, [weight for _, weight in MAKERS])[0])
