"""The filter that is typed to see some events of a timeline."""

import pytest

from store.model.event_type import TYPES
from store.model.record import Match
from tui.models.event_filter import KINDS, PLACEHOLDER, parse_match
from tui.theme import EVENTS


@pytest.mark.parametrize("text", ["", " ", "\t \n", "type:", "TYPE: type:"])
def test_an_empty_text_selects_all_events(text: str) -> None:
    assert parse_match(text) == Match()
    assert not parse_match(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("timeout", "timeout"),
        ("  no such   model ", "no such model"),
        ("Timeout", "Timeout"),
        ("50% of_it \\ now", "50% of_it \\ now"),
        ("a:b kind:plan :type", "a:b kind:plan :type"),
        ("type plan", "type plan"),
        ("error", "error"),
        ("[/] \x1b", "[/] \x1b"),
    ],
)
def test_words_are_one_phrase(text: str, words: str) -> None:
    assert parse_match(text) == Match(words=words)


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("type:plan", {"plan_received"}),
        ("type:llm", {"llm_call_started", "llm_call_completed"}),
        ("type:tool", {"tool_invoked", "tool_returned"}),
        ("TYPE:Tool", {"tool_invoked", "tool_returned"}),
        ("type:run", {"run_started", "run_finished", "run_error"}),
        ("type:run_error", {"run_error"}),
        ("type:run-error", {"run_error"}),
        ("type:llm_done", {"llm_call_completed"}),
        ("type:step", {"step_started", "step_finished"}),
        ("type:status", {"node_status_changed"}),
        ("type:result", {"node_result_available"}),
        ("type:plan type:tool_done", {"plan_received", "tool_returned"}),
    ],
)
def test_a_type_is_selected_by_a_part_of_its_name_or_short_name(text: str, types: set[str]) -> None:
    assert parse_match(text) == Match(types=frozenset(types))


@pytest.mark.parametrize("event_type", TYPES)
def test_every_type_is_selected_by_its_name(event_type: str) -> None:
    assert event_type in parse_match(f"type:{event_type}").types


@pytest.mark.parametrize("event_type", EVENTS)
def test_every_type_is_selected_by_its_short_name(event_type: str) -> None:
    assert event_type in parse_match(f"type:{EVENTS[event_type][2].replace(' ', '-')}").types


def test_an_unknown_type_is_selected_by_its_name() -> None:
    assert parse_match("type:brain_dumped") == Match(types=frozenset({"brain_dumped"}))


@pytest.mark.parametrize("text", ["type:brain_dumped type:tool_invoked", "type:tool_invoked type:brain_dumped"])
def test_an_unknown_type_can_be_combined_with_known_types(text: str) -> None:
    assert parse_match(text).types == {"brain_dumped", "tool_invoked"}


@pytest.mark.parametrize("text", ["type:error", "type:errors", "type:failed", "Type:ERROR"])
def test_type_error_selects_errors_of_every_type(text: str) -> None:
    assert parse_match(text) == Match(failed=True)


def test_words_types_and_errors_can_be_combined() -> None:
    match = parse_match("no type:llm such type:error model")
    assert match == Match(frozenset({"llm_call_started", "llm_call_completed"}), "no such model", True)
    assert match


def test_the_examples_of_the_placeholder_are_valid() -> None:
    assert PLACEHOLDER.split(", ") == ["words", "type:plan", "type:llm", "type:error"]
    assert all(parse_match(example) for example in PLACEHOLDER.split(", "))


def test_the_listed_words_cover_every_type() -> None:
    matches = [parse_match(f"type:{name}") for name in KINDS]
    assert {key for match in matches for key in match.types} == set(EVENTS)
    assert all(match.failed or match.types for match in matches)
