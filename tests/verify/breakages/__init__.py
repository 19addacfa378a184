"""The table of breakages: what a bad gateway or engine does, and the one check that reports it."""

from __future__ import annotations

from tests.verify.breakages import answering, calling, running
from tests.verify.proxy import Breakage

TABLE: dict[str, tuple[Breakage, str]] = {
    "another model": (Breakage(answer=answering.another_model), "models.listed"),
    "short context": (Breakage(answer=answering.short_context), "models.context-length"),
    "ignores patterns": (Breakage(request=answering.ignores_patterns), "structured.regex"),
    "ignores schemas": (Breakage(request=answering.ignores_schemas), "structured.json-schema"),
    "swallows bad patterns": (
        Breakage(request=answering.swallows_bad_patterns),
        "structured.refused",
    ),
    "leaks marks": (Breakage(answer=answering.leaks_marks), "chat.answers"),
    "never stops": (Breakage(answer=answering.never_stops), "chat.answers"),
    "repeats tokens": (Breakage(event=answering.repeats_tokens), "chat.streamed"),
    "drops [DONE]": (Breakage(text=answering.drops_done), "chat.protocol"),
    "cuts characters": (Breakage(event=answering.cuts_characters), "chat.unicode"),
    "mixes answers up": (Breakage(request=answering.mixes_up), "chat.concurrent"),
    "forgets turns": (Breakage(request=answering.forgets_turns), "chat.turns"),
    "wavers": (Breakage(answer=answering.wavers), "chat.deterministic"),
    "loses usage": (Breakage(answer=answering.loses_usage), "limits.usage"),
    "loses usage of streams": (Breakage(event=answering.loses_usage_of_streams), "limits.usage"),
    "adds up wrongly": (Breakage(answer=answering.adds_up_wrongly), "limits.usage"),
    "hides the cut": (Breakage(answer=answering.hides_the_cut), "limits.max-tokens"),
    "ignores stop": (Breakage(request=answering.ignores_stop), "limits.stop"),
    "counts wrongly": (Breakage(answer=answering.counts_wrongly), "limits.exact-usage"),
    "fails on no messages": (Breakage(refuse=answering.fails_on_no_messages), "limits.refusals"),
    "drops reasoning": (Breakage(answer=answering.drops_reasoning), "reasoning.separated"),
    "shows reasoning": (Breakage(answer=answering.shows_reasoning), "reasoning.separated"),
    "always thinks": (Breakage(answer=answering.always_thinks), "reasoning.off"),
    "always clears": (Breakage(request=answering.always_clears), "reasoning.history"),
    "garbles an argument": (Breakage(answer=calling.garbles_an_argument), "tools.called"),
    "breaks JSON": (Breakage(answer=calling.breaks_json), "tools.called"),
    "drops the second call": (Breakage(answer=calling.drops_the_second_call), "tools.parallel"),
    "ignores tool_choice none": (Breakage(request=calling.ignores_none), "tools.choice"),
    "drops results": (Breakage(request=calling.drops_results), "tools.result"),
    "drops parts": (Breakage(request=calling.drops_parts), "tools.result-parts"),
    "drops earlier arguments": (
        Breakage(request=calling.drops_earlier_arguments),
        "tools.arguments",
    ),
    "leaves calls in text": (Breakage(answer=calling.leaves_calls_in_text), "parsing.one"),
    "thinks calls": (Breakage(answer=calling.thinks_calls), "parsing.after-reasoning"),
    "joins indexes": (Breakage(event=calling.joins_indexes), "parsing.several"),
    "repeats ids": (Breakage(answer=calling.repeats_ids), "parsing.several"),
    "no text for no arguments": (
        Breakage(answer=calling.says_nothing_for_no_arguments),
        "parsing.zero-arguments",
    ),
    "flattens": (Breakage(answer=calling.flattens), "parsing.nested"),
    "loses Unicode": (Breakage(answer=calling.loses_unicode), "parsing.unicode"),
    "ends otherwise": (Breakage(answer=calling.ends_otherwise), "messages.answers"),
    "never closes": (Breakage(event=calling.never_closes), "messages.streamed"),
    "empties input": (Breakage(answer=calling.empties_input), "messages.tools"),
    "reports no hit": (Breakage(answer=running.reports_no_hit), "cache.prefix"),
    "rewrites the prompt": (Breakage(request=running.rewrites_the_prompt), "cache.next-turn"),
    "rewrites the thoughts": (
        Breakage(request=running.rewrites_the_thoughts),
        "cache.kept-thinking",
    ),
    "deaf to closed streams": (Breakage(deaf="streamed"), "cancellation.streamed"),
    "deaf to clients that left": (Breakage(deaf="plain"), "cancellation.plain"),
    "says not ready": (Breakage(refuse=running.says_not_ready), "operations.health"),
    "healthy though it fails": (
        Breakage(refuse=running.is_healthy_though_it_fails),
        "operations.health",
    ),
    "counters stand still": (Breakage(text=running.StandsStill()), "operations.metrics"),
    "lacks latencies": (Breakage(text=running.lacks_latencies), "operations.metrics"),
    "refuses every draft": (running.accepts(1.02), "operations.speculative"),
    "accepts the impossible": (running.accepts(9.5), "operations.speculative"),
    "cuts in silence": (Breakage(request=running.cuts_in_silence), "context.overflow"),
    "truncates at depth": (Breakage(request=running.truncates_at_depth), "context.needles"),
    "shouts at length": (Breakage(answer=running.shouts_at_length), "context.needles"),
    "loses calls at length": (Breakage(answer=running.loses_calls_at_length), "context.tool-call"),
    "shouts at full length": (Breakage(answer=running.shouts_at_full_length), "context.full"),
}

# SGLang 0.5.20 shows the admin key in /server_info, so a sound gateway closes that.
_CLOSED = running.closes_server_info
SOUND_KEYED = Breakage(refuse=_CLOSED)

# In front of an engine with keys.
KEYED: dict[str, tuple[Breakage, str]] = {
    "ignores keys": (
        Breakage(refuse=_CLOSED, headers=running.adds_the_key),
        "security.keys",
    ),
    "opens administration": (
        Breakage(refuse=_CLOSED, headers=running.opens_administration),
        "security.admin",
    ),
    "shows the key to everybody": (
        Breakage(refuse=_CLOSED, text=running.shows_the_key),
        "security.no-leak",
    ),
    "leaves the engine as it is": (Breakage(), "security.no-leak"),
}

# What a healthy MTP layer would show; a CPU engine cannot speculate.
SOUND_SPECULATION = running.accepts(3.2)
