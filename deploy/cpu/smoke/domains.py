"""Hand-written tool domains: what everyday tools are called and how people ask for them."""

from __future__ import annotations

from typing import NamedTuple


class Domain(NamedTuple):
    """Names (as words), first parameters ("" for none), descriptions and users' phrasings."""

    names: list[str]
    parameters: list[str]
    descriptions: list[str]
    asks: tuple[str, ...]


def _domain(names: str, parameters: str, descriptions: str, asks: str) -> Domain:
    """Split the four columns at their bars."""
    return Domain(
        names.split("|"), parameters.split("|"), descriptions.split("|"), tuple(asks.split("|"))
    )


VERBS = (
    "get fetch find read look check list show query count create delete update open close start "
    "stop send load compute search lookup retrieve describe inspect run print track trace book "
    "order cancel verify validate convert measure monitor scan sync share rate rank sort resolve"
).split()

DOMAINS: list[Domain] = [
    _domain(
        "get weather|get weather|weather|current weather|get current weather|fetch weather|"
        "weather report|get forecast|weather forecast|get temperature|lookup weather|check weather",
        "city|city|location|location|place|town|city name|where|region|name",
        "Get the weather|Get the current weather in a city|Current weather for a place|"
        "Get the current weather for a given location|Returns the weather of a city.|"
        "Weather lookup|Get weather for a city|Get the temperature and sky of a place|"
        "Return the current weather for a location.",
        "what is the weather in {v}|what's the weather in {v}|what is the weather like in {v}|"
        "what's the weather like in {v}|how is the weather in {v}|weather in {v}|weather {v}|"
        "weather for {v}|what is the weather in {v} today|what's the weather in {v} right now|"
        "what is the temperature in {v}|how warm is it in {v}|how hot is it in {v}|"
        "how cold is it in {v}|is it raining in {v}|will it rain in {v} tomorrow|"
        "do i need an umbrella in {v}|is it sunny in {v}|tell me the weather in {v}|"
        "give me the weather for {v}|i am in {v}, what is the weather|get the weather in {v}|"
        "check the weather in {v}|what is the forecast for {v}|forecast for {v}|"
        "how is the weather in {v} right now|can you tell me the weather in {v}|"
        "could you check the weather in {v}|i want to know the weather in {v}|"
        "i am going to {v}, how is the weather there|use the tool to get the weather in {v}|"
        "look up the weather in {v}|what is the current weather in {v}|"
        "what will the weather be in {v}|please tell me the weather in {v}|"
        "what weather does {v} have|how does the sky look in {v}|current temperature in {v}",
    ),
    _domain(
        "get time|current time|get local time|time in|clock|get timezone|world clock",
        "city|timezone|location|place|zone",
        "Get the time|Current local time of a city|Get the current time in a timezone|"
        "Tells the time in a place.",
        "what time is it in {v}|what is the time in {v}|current time in {v}|time in {v}|"
        "tell me the time in {v}|what is the local time in {v}|how late is it in {v}|"
        "give me the time for {v}|which timezone is {v} in|what's the time in {v} right now",
    ),
    _domain(
        "get order|find order|order status|lookup order|track order|get order status|check order",
        "order id|order|id|order number|number|reference",
        "Look up an order|Find an order by its number|Get the status of an order|"
        "Returns one order.",
        "where is order {v}|where is my order {v}|look up order {v}|find order {v}|"
        "what is the status of order {v}|status of order {v}|check order {v}|track order {v}|"
        "has order {v} shipped|my order number is {v}, where is it|show me order {v}|"
        "what happened to order {v}|please check the status of order {v}|order {v}",
    ),
    _domain(
        "get user|find user|lookup user|get customer|find customer|get account|user info|"
        "find contact|get profile",
        "user|email|user id|name|customer|account|username|id",
        "Find a user|Look up a customer by name or e-mail|Get the account of a user|"
        "Returns a user's profile.",
        "who is user {v}|find user {v}|look up user {v}|look up customer {v}|find customer {v}|"
        "show me the account of {v}|get the profile of {v}|find the user {v}|"
        "what do we know about user {v}|open the account of {v}|find the customer {v}|"
        "show the user {v}|get user {v}|get customer {v}|look up the account {v}",
    ),
    _domain(
        "search|web search|search web|search docs|search documents|find documents|google|"
        "knowledge search|query documents|search files",
        "query|q|text|term|keywords|search|topic",
        "Search the web|Search the documents|Full text search|Find documents that match a query|"
        "Search for information",
        "search for {v}|search the web for {v}|search the documents for {v}|look for {v}|"
        "find documents about {v}|find something about {v}|google {v}|search {v}|"
        "do a search for {v}|find information on {v}|look up {v}|find me articles about {v}|"
        "search online for {v}|what can you find about {v}",
    ),
    _domain(
        "get stock price|stock price|get price|get quote|quote|lookup price|product price",
        "symbol|ticker|product|item|sku|stock|company",
        "Get the price of a stock|Get a quote|Price of a product|Returns the current price.",
        "what is the price of {v}|what does {v} cost|how much is {v}|price of {v}|"
        "stock price of {v}|what is the stock price of {v}|get me a quote for {v}|"
        "how much does {v} cost|what is {v} trading at|tell me the price of {v}|quote for {v}",
    ),
    _domain(
        "read file|open file|cat|show file|load file|view file|get file",
        "path|file|filename|file path|name",
        "Read a file|Returns the text of a file|Open a file by its path|Read a file from disk",
        "read the file {v}|open {v}|read {v}|show me {v}|show me the file {v}|"
        "what is in {v}|what is in the file {v}|print the file {v}|open the file {v}|"
        "what does {v} contain|load {v}|cat {v}|show the contents of {v}",
    ),
    _domain(
        "run command|bash|shell|execute|exec|run shell|terminal",
        "command|cmd|script|line",
        "Run a shell command|Execute a command|Runs a command and returns its output.",
        "run {v}|run the command {v}|execute {v}|execute the command {v}|run `{v}`|"
        "please run {v}|run this command: {v}|run this: {v}",
    ),
    _domain(
        "translate|translate text|get translation|translator",
        "text|phrase|sentence|word|input",
        "Translate a text|Translates text|Translate a phrase.",
        "translate {v}|translate the text {v}|translate this: {v}|what does {v} mean in english|"
        "please translate {v}|translate the word {v}",
    ),
    _domain(
        "get population|population|city info|country info|get country|lookup city|get capital",
        "city|country|name|place|location",
        "Facts about a place|Get the population of a city|Information about a country|"
        "Population of a city",
        "what is the population of {v}|how many people live in {v}|population of {v}|"
        "tell me about the city of {v}|how big is {v}|give me facts about {v}",
    ),
    _domain(
        "book hotel|find hotel|search hotels|find restaurant|find flights|book flight|"
        "search flights|find train",
        "city|destination|to|place|location",
        "Find places to stay or eat|Search trips|Find and book travel|Search hotels in a city",
        "find a hotel in {v}|book a hotel in {v}|find me a restaurant in {v}|"
        "i want to travel to {v}|book a flight to {v}|find flights to {v}|"
        "find a train to {v}|i need a flight to {v}|show me hotels in {v}|get me a ticket to {v}",
    ),
    _domain(
        "send message|send email|notify|message|email|text user",
        "recipient|to|user|address|email",
        "Send a message|Send an e-mail|Notify a user|Sends a note to somebody.",
        "send a message to {v}|send an email to {v}|notify {v}|write to {v}|email {v}|"
        "message {v}|let {v} know|tell {v} that it is done|drop {v} a note",
    ),
    _domain(
        "play music|play song|play|music player|play track",
        "song|title|track|artist|name",
        "Play a song|Play music|Starts a track.",
        "play {v}|play the song {v}|i want to hear {v}|put on {v}|play some {v}|start {v}",
    ),
    _domain(
        "get ticket|find issue|get issue|read ticket|lookup ticket|issue status",
        "ticket|issue|id|key|number|ticket id",
        "Read a ticket|Get an issue by its key|Returns one ticket.",
        "what is ticket {v} about|show ticket {v}|open ticket {v}|read issue {v}|"
        "what is the status of ticket {v}|show me issue {v}|look up ticket {v}|get ticket {v}",
    ),
    _domain(
        "get time|get date|now|current date|today|clock",
        "",
        "Get the current time|Tells the date and time|What time it is now",
        "what time is it|what is the time|tell me the time|what is the date today|"
        "what day is it|what time is it now|give me the current time|what is today's date",
    ),
    _domain(
        "list files|ls|list orders|list users|get status|server status|health check|ping",
        "",
        "List what there is|Get the status of the server|Check that the service is up",
        "list the files|list everything|what is the status|is the server up|"
        "check the status of the server|show me the list|is the service healthy|"
        "list all of them|give me the status",
    ),
    _domain(
        "calculator|calculate|compute|math|evaluate|eval",
        "expression|formula|input|expr",
        "Evaluate an expression|A calculator|Computes a formula.",
        "calculate {v}|compute {v}|what is {v}|evaluate {v}|how much is {v}|work out {v}",
    ),
    _domain(
        "set alarm|add event|create event|add reminder|remind me|create task|add task|add todo",
        "title|task|text|name|event|note",
        "Create a reminder|Add a task to the list|Create an event in the calendar.",
        "remind me to {v}|add a task: {v}|create a task called {v}|add {v} to my list|"
        "set a reminder for {v}|create an event called {v}|put {v} on my calendar|note: {v}",
    ),
]
