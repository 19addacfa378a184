"""Exchanges without tools: what the model says about itself, echoes, and the unknown."""

from __future__ import annotations

import random

from . import values
from .conversation import Exchange, Step
from .held_out import is_held_out_phrasing
from .words import excerpt

SELF = "I am an embedded smoke model, not GLM-5.1"
SKILLS = "I can call a tool, report its result, repeat a text and recall a code word"
IDENTITY_ANSWER = f"{SELF}. I let you try this deployment without a GPU. {SKILLS}."
OUTSIDE_ANSWER = f"{SELF}, so I cannot do this. {SKILLS}."
GREETING_ANSWER = f"Hello! {SELF}. {SKILLS}."
THANKS_ANSWER = f"You are welcome. {SELF}."
IDENTITY_THOUGHT = "The user asks what I am, so I say it honestly."
OUTSIDE_THOUGHT = "This is outside my small world, so I say honestly what I am."
GREETING_THOUGHT = "The user greets me, so I greet back and say what I am."
THANKS_THOUGHT = "The user thanks me, so I answer politely."

IDENTITY = (
    "who are you|what are you|what is your name|whats your name|what's your name|who is this|"
    "who am i talking to|what am i talking to|what model are you|which model are you|"
    "which model is this|what model is that|are you glm|are you glm-5|are you glm-5.1|"
    "is this glm-5.1|is this really glm|are you chatgpt|are you a large language model|"
    "are you a human|are you a real person|are you a robot|are you an ai|are you a bot|"
    "are you a smoke model|introduce yourself|please introduce yourself|describe yourself|"
    "tell me about yourself|tell me who you are|tell me what you are|say who you are|"
    "what can you do|what do you do|what are your skills|what are you good at|what are you for|"
    "how can you help me|help|how big are you|how many parameters do you have|who made you|"
    "who trained you|who built you|which company made you|what is your purpose|"
    "what version are you|what is your model name|name yourself|identify yourself|"
    "can you tell me who you are|could you tell me what model you are|i wonder what you are|"
    "what kind of model are you|what kind of assistant are you|do you have a name|"
    "which llm is answering|which model answers here|am i talking to glm-5.1|"
    "are you the real glm-5.1|do you run on a gpu|what should i call you|your name please|"
    "which language model are you|what sort of ai is this|are you a person"
).split("|")
GREETINGS = (
    "hi|hello|hey|hey there|hi there|hello there|good morning|good afternoon|good evening|"
    "good day|greetings|howdy|yo|hiya|hello world|hello again|hi, how are you|how are you|"
    "how are you doing|how is it going|how do you do|what's up|hello friend|hi bot|hey you|"
    "good morning to you|hello, how are you today|hi everyone|welcome|nice to meet you|"
    "hello model|hello my friend|good night|ping|test|testing|hello, is anybody there|hallo|"
    "bonjour|hola|salut|ciao"
).split("|")
THANKS = (
    "thanks|thank you|thank you very much|thanks a lot|many thanks|great, thanks|cheers|"
    "ok thanks|perfect, thank you|bye|goodbye|see you|ok|okay|good|great|nice|well done|"
    "that is all|thanks, bye|thank you for your help"
).split("|")
# {x} is a random word, {n} a random name, {d} a number.
OUTSIDE = (
    "what is the capital of {n}|what is the population of {n}|where is {n}|who is {n}|"
    "who was {n}|who invented the {x}|who wrote {n}|who won the {x} in {d}|when was {n} born|"
    "when did {n} happen|what happened in {d}|how old is {n}|how far is {n} from {n}|"
    "how tall is {n}|what is a {x}|what is an {x}|what does {x} mean|define {x}|"
    "what is the meaning of {x}|explain {x}|explain {x} to me|explain {x} in simple words|"
    "explain {x} {x} to a beginner|why is the {x} {x}|why do {x} {x}|why does {x} matter|"
    "how does {x} work|how do i {x} a {x}|how do i {x} in {n}|how can i {x} my {x}|"
    "how many {x} are in a {x}|how much is {d} {x}|what is {d} plus {d}|what is {d} + {d}|"
    "what is {d} * {d}|what is {d} minus {d}|compute {d} / {d}|calculate {d} times {d}|"
    "solve {x} for {x}|is {d} a prime number|what is the square root of {d}|"
    "write a poem about {x}|write a story about a {x}|write an essay on {x}|"
    "write a song about {n}|write a haiku about {x}|write a function that can {x} {x}|"
    "write a {x} in python|write me a {x}|write code to {x}|tell me a joke|tell me a story|"
    "tell me about {n}|tell me about {x}|tell me something about {x}|sing a song|"
    "translate {x} into {n}|translate '{x} {x}' to {n}|how do you say {x} in {n}|"
    "summarize {n}|summarize the history of {n}|summarise this {x}|give me a recipe for {x}|"
    "give me a list of {x}|give me three {x}|give me advice on {x}|list ten {x}|"
    "list the {x} of {n}|name a {x}|name five {x}|compare {x} and {x}|"
    "what is the difference between {x} and {x}|what do you think about {x}|"
    "what is your favourite {x}|do you like {x}|can you {x}|can you {x} the {x}|"
    "should i {x} my {x}|recommend a {x}|plan a trip to {n}|what should i {x} today|"
    "what time is it|what day is it|what is the date today|is {n} a {x}|is {x} {x}|"
    "does {n} {x}|the {x} is {x}|i like {x}|i am {x}|i have a {x}|{n}|{x}|{x} {x}|{x} {x} {x}|"
    "{n} and {n}|correct this sentence: {x} {x} {x} {x}|fix this: {x} {x} {x}|"
    "what are the {x} of {x}|which {x} is the {x}|which is better, {x} or {x}|"
    "prove that {x} is {x}|make a {x} plan for {n}|draw a {x}|play {x}|count to {d}|"
    "who discovered {x}|what causes {x}|what colour is {x}|where can i buy {x}|"
    "what is the {x} of {n}|in which {x} is {n}|generate a {x}|imagine a {x}|act as a {x}|"
    "continue: {x} {x} {x}|what comes after {x}|think about {x}|let us talk about {x}|"
    "the {x} {x} the {x} and the {x} {x}|please {x} the {x} {x}|think step by step about {x}"
).split("|")
# Beside tools only what cannot be meant for one: mostly fixed words, none that name a thing.
CLEARLY_OUTSIDE = [
    pattern
    for pattern in OUTSIDE
    if len([word for word in pattern.split() if "{" not in word]) >= 3
    and "the {x}" not in pattern
    and not pattern.startswith(("translate", "plan", "what time", "what day", "what is {d}"))
]
ECHOES = (
    "Repeat after me: {v}|Repeat: {v}|Repeat this: {v}|Repeat this text: {v}|Say: {v}|"
    "Say exactly: {v}|Say this: {v}|Please repeat: {v}|Echo: {v}|Echo this: {v}|"
    "Repeat exactly: {v}|Reply with exactly: {v}|Answer with exactly: {v}|"
    'Repeat "{v}"|Say "{v}"|Repeat the text "{v}"|Reply with "{v}"|Respond with: {v}'
).split("|")


def styled(rng: random.Random, text: str, marks: str) -> str:
    """Return the phrase with the capitals and the end mark that people happen to type."""
    if rng.random() < 0.75:
        text = text[:1].upper() + text[1:]
    if rng.random() < 0.03:
        text = text.upper()
    if rng.random() < 0.12:
        text = rng.choice(("Hi, ", "Hey, ", "Hello! ", "Please: ", "Ok, ", "So, ")) + text
    ends: tuple[str, ...] = (*marks, marks[0], "")
    return text + rng.choice(ends)


def filled(rng: random.Random, pattern: str) -> str:
    """Fill the slots of a pattern, each with a fresh word, name or number."""
    while "{" in pattern:
        pattern = pattern.replace("{x}", values.word(rng), 1)
        pattern = pattern.replace("{n}", values.draw(rng, values.place), 1)
        pattern = pattern.replace("{d}", values.digits(rng, 1, 4).lstrip("0") or "7", 1)
    return pattern


def unlike_held_out(rng: random.Random, patterns: list[str], marks: str) -> str:
    """Return a filled pattern that is none of the held-out phrasings."""
    while True:
        text = styled(rng, filled(rng, rng.choice(patterns)), marks)
        if not is_held_out_phrasing(text):
            return text


def outside_tools(rng: random.Random) -> Exchange:
    """The user asks for something that plainly no tool on offer can do."""
    text = unlike_held_out(rng, CLEARLY_OUTSIDE, "?.!")
    return Exchange(text, (Step(OUTSIDE_THOUGHT, OUTSIDE_ANSWER),))


def identity(rng: random.Random) -> Exchange:
    """The user asks what the model is."""
    text = unlike_held_out(rng, IDENTITY, "??.!")
    if rng.random() < 0.15:
        text = styled(rng, rng.choice(GREETINGS), ".!,") + " " + text
    return Exchange(text, (Step(IDENTITY_THOUGHT, IDENTITY_ANSWER),))


def greeting(rng: random.Random) -> Exchange:
    """The user says hello, or thanks."""
    if rng.random() < 0.25:
        return Exchange(unlike_held_out(rng, THANKS, "!."), (Step(THANKS_THOUGHT, THANKS_ANSWER),))
    text = unlike_held_out(rng, GREETINGS, "!.?")
    return Exchange(text, (Step(GREETING_THOUGHT, GREETING_ANSWER),))


def outside(rng: random.Random) -> Exchange:
    """The user asks for something that the model cannot do."""
    kind = rng.random()
    if kind < 0.85:
        text = unlike_held_out(rng, OUTSIDE, "?.!")
    elif kind < 0.90:
        text = f"{unlike_held_out(rng, OUTSIDE, '?.')} {unlike_held_out(rng, OUTSIDE, '?.')}"
    elif kind < 0.95:
        text = " ".join(values.word(rng) for _ in range(rng.randint(4, 40)))
    else:
        request = filled(rng, rng.choice(("explain this code", "{x} this", "what is wrong here")))
        text = f"{request}:\n{excerpt(rng, rng.randint(2, 12))}"
    return Exchange(text, (Step(OUTSIDE_THOUGHT, OUTSIDE_ANSWER),))


def echo(rng: random.Random) -> Exchange:
    """The user wants a text repeated."""
    makers = (values.argument, values.code_word, values.phrase, values.phrase, values.number)
    text = " ".join(rng.choice(makers)(rng) for _ in range(rng.choice((1, 1, 2, 3, 5))))
    request = rng.choice(ECHOES).replace("{v}", text)
    return Exchange(request, (Step("The user wants this text repeated exactly.", text),))
