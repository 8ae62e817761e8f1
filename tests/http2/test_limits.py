"""``h2static.http2.limits``: each one is crossed somewhere, and kept to somewhere else.

The tests of bounds are among the hostile scenarios; here is the bucket, and a table that names for
each limit the test that crosses it and the one with heavy legal traffic below it.
"""

from __future__ import annotations

import dataclasses
import importlib
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http.budget import EXHAUSTED, LOW, WITHIN, Budget
from h2static.http2.limits import Limits

_FRAMES = "tests.http2.test_hazards_frames"
_STREAMS = "tests.http2.test_hazards_streams"
_HEADERS = "tests.http2.test_hazards_header_blocks"
_FLOW = "tests.http2.test_hazards_flow_control"
_DATA = "tests.conformance.test_rfc9113_6_1_data"
_SIZES = "tests.conformance.test_rfc9113_4_frames"
_SETTINGS = "tests.conformance.test_rfc9113_6_5_settings_and_ping"
_GOAWAY = "tests.conformance.test_rfc9113_6_8_goaway"
_WINDOWS = "tests.conformance.test_rfc9113_6_9_flow_control"
_STATES = "tests.conformance.test_rfc9113_5_streams"
_PRIORITIES = "tests.conformance.test_rfc9218_priorities"
_EXCHANGES = "tests.contracts.test_engine_exchanges"
_TUNNELS = "tests.conformance.test_rfc8441_extended_connect"

#: Limit -> test that crosses it, test below it.
TESTS: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "max_frame_size": (
        (_SIZES, "test_a_wrong_size_ends_the_connection"),
        (_SIZES, "test_frames_of_16384_octets_are_accepted"),
    ),
    "header_block_size": (
        (_HEADERS, "test_hazard_43_endless_large_continuation"),
        (_HEADERS, "test_hazard_48_a_large_field"),
    ),
    "header_block_frames": (
        (_HEADERS, "test_hazard_42_endless_continuation"),
        (_HEADERS, "test_hazard_42_as_many_frames_as_are_allowed"),
    ),
    "soft_fields": (
        (_HEADERS, "test_hazard_47_many_fields"),
        (_STREAMS, "test_hazard_83_a_large_cookie_jar"),
    ),
    "hard_fields": (
        (_HEADERS, "test_hazard_46_cookie_crumbs_are_fields"),
        (_HEADERS, "test_hazard_47_many_fields"),
    ),
    "soft_list_size": (
        (_HEADERS, "test_hazard_45_references_to_a_large_entry"),
        (_HEADERS, "test_hazard_46_fat_crumbs"),
    ),
    "hard_list_size": (
        (_HEADERS, "test_hazard_45_references_beyond_the_hard_limit"),
        (_HEADERS, "test_hazard_48_a_large_field"),
    ),
    "header_block_seconds": (
        (_HEADERS, "test_hazard_44_a_block_that_never_ends"),
        (
            "tests.conformance.test_rfc9113_4_3_header_blocks",
            "test_a_block_that_is_half_there_blocks_nothing_else_in_time",
        ),
    ),
    "idle_gaps": (
        ("tests.http2.test_connection", "test_gaps_beyond_the_bound_are_forgotten"),
        (_STATES, "test_identifiers_may_be_skipped"),
    ),
    "reset_streams_remembered": (
        ("tests.http2.test_connection", "test_resets_beyond_the_bound_are_still_ignored"),
        (_STATES, "test_frames_after_our_reset_are_ignored"),
    ),
    "pending_priorities": (
        (_FRAMES, "test_hazard_30_priority_updates_for_future_streams"),
        (_PRIORITIES, "test_updates_ahead_of_requests_are_bounded"),
    ),
    "promised_streams": (
        ("tests.http2.test_push", "test_promised_streams_are_bounded_whatever_the_client_allows"),
        ("tests.http2.test_push", "test_the_client_limits_promised_streams"),
    ),
    "settings_entries": (
        (_FRAMES, "test_hazard_20_settings_with_many_entries"),
        (_SETTINGS, "test_the_largest_values_are_legal"),
    ),
    "resets_burst": (
        (_STREAMS, "test_hazard_31_rapid_reset"),
        (_STREAMS, "test_hazard_83_a_browser_that_navigates"),
    ),
    "resets_rate": (
        (_STREAMS, "test_hazard_31_the_budget_refills_slowly"),
        (_STREAMS, "test_hazard_83_a_browser_that_navigates"),
    ),
    "glitches_burst": (
        (_FRAMES, "test_hazard_18_pings_that_are_read"),
        (_FRAMES, "test_hazard_83_control_frames_at_an_honest_rate"),
    ),
    "glitches_rate": (
        (_FRAMES, "test_hazard_29_priority_signals"),
        (_FRAMES, "test_hazard_83_control_frames_at_an_honest_rate"),
    ),
    "oversized_section_glitches": (
        (_HEADERS, "test_hazard_45_large_sections_are_dear"),
        (_HEADERS, "test_hazard_48_a_large_field"),
    ),
    "window_updates_free": (
        (_FRAMES, "test_hazard_28_window_updates_for_nothing"),
        (_FRAMES, "test_hazard_83_a_window_update_for_every_data_frame"),
    ),
    "window_updates_per_data": (
        (_FRAMES, "test_hazard_28_window_updates_for_nothing"),
        (_FRAMES, "test_hazard_83_a_window_update_for_every_data_frame"),
    ),
    "tiny_data": (
        (_FLOW, "test_hazard_63_tiny_data_frames"),
        (_FLOW, "test_hazard_63_small_messages_are_legal"),
    ),
    "output_mark": (
        (_FRAMES, "test_hazard_18_pings_that_are_not_read"),
        (_STREAMS, "test_hazard_83_a_thousand_small_files"),
    ),
    "turn_output": (
        (_FLOW, "test_hazard_59_a_socket_that_takes_nothing"),
        (_WINDOWS, "test_bodies_at_the_bounds"),
    ),
    "stall_seconds": (
        (_FLOW, "test_hazard_57_windows_that_never_open"),
        (_FLOW, "test_hazard_58_a_slow_but_honest_reader"),
    ),
    "stall_octets": (
        (_FLOW, "test_hazard_58_a_drip_of_window_updates"),
        (_FLOW, "test_hazard_58_a_slow_but_honest_reader"),
    ),
    "discarded_content": (
        (_FLOW, "test_hazard_64_a_large_upload_that_nobody_wants"),
        (_DATA, "test_credit_is_returned_whatever_becomes_of_content"),
    ),
    "upload_window": (
        ("tests.http2.test_upload_windows", "test_who_takes_nothing_gets_the_first_window_only"),
        ("tests.http2.test_upload_windows", "test_the_windows_grow_while_content_is_taken"),
    ),
    "tunnel_window": (
        (_TUNNELS, "test_more_than_the_window_of_a_tunnel"),
        (_TUNNELS, "test_the_window_of_a_tunnel_is_wide"),
    ),
    "tunnel_linger_seconds": (
        (_TUNNELS, "test_a_client_that_does_not_end_a_tunnel_that_is_over"),
        (_TUNNELS, "test_a_client_that_ends_a_tunnel_that_is_over"),
    ),
    "content_seconds": (
        (_FLOW, "test_hazard_65_a_slow_upload"),
        (_FLOW, "test_hazard_65_an_upload_that_is_slow_but_honest"),
    ),
    "recalled_responses": (
        ("tests.http2.test_remembered", "test_more_recalled_than_allowed_is_forgotten"),
        ("tests.http2.test_remembered", "test_what_was_recalled_is_kept_while_it_lasts"),
    ),
    "preface_seconds": (
        (_FRAMES, "test_hazard_01_nothing_is_sent"),
        (_FRAMES, "test_hazard_05_settings_are_never_acknowledged"),
    ),
    "settings_ack_seconds": (
        (_FRAMES, "test_hazard_05_settings_are_never_acknowledged"),
        (_FRAMES, "test_hazard_09_an_idle_connection_is_asked_to_leave"),
    ),
    "departed_seconds": (
        (_EXCHANGES, "test_a_client_that_ends_its_side_is_lost_to_an_application_that_asks"),
        (_EXCHANGES, "test_a_client_that_ends_its_side_gets_a_quick_response"),
    ),
    "idle_seconds": (
        (_FRAMES, "test_hazard_09_an_idle_connection_is_asked_to_leave"),
        (_FRAMES, "test_hazard_09_a_connection_with_a_stream_is_not_idle"),
    ),
    "check_seconds": (
        ("tests.http2.test_connection", "test_a_busy_connection_is_looked_at_twice_a_second"),
        ("tests.http2.test_connection", "test_an_idle_connection_is_left_alone"),
    ),
    "shutdown_round_trip_seconds": (
        (_GOAWAY, "test_shutdown_without_an_answer_to_the_ping"),
        (_GOAWAY, "test_shutdown_in_two_steps"),
    ),
}


def test_every_limit_has_its_tests() -> None:
    assert set(TESTS) == {field.name for field in dataclasses.fields(Limits)}


@pytest.mark.parametrize("name", TESTS)
def test_the_tests_exist(name: str) -> None:
    for module_name, test in TESTS[name]:
        module: ModuleType = importlib.import_module(module_name)
        assert callable(getattr(module, test))


def test_stages() -> None:
    """Half-way nothing, at a quarter left a hint, at nothing left the end."""
    budget = Budget(100, 10.0, 0.0)
    assert [budget.spend(1, 0.0) for _ in range(75)] == [WITHIN] * 75
    assert [budget.spend(1, 0.0) for _ in range(25)] == [LOW] * 25
    assert budget.spend(1, 0.0) == EXHAUSTED


def test_refill_is_bounded() -> None:
    budget = Budget(100, 10.0, 0.0)
    assert budget.spend(100, 0.0) == LOW
    assert budget.spend(20, 2.0) == LOW
    assert budget.spend(1, 2.0) == EXHAUSTED
    assert budget.spend(0, 10_000.0) == WITHIN
    assert budget.spend(101, 10_000.0) == EXHAUSTED


@given(
    st.integers(1, 1_000),
    st.floats(0, 100),
    st.lists(st.tuples(st.integers(0, 50), st.floats(0, 3)), max_size=60),
)
def test_never_more_than_burst_and_rate(
    burst: int, rate: float, spending: list[tuple[int, float]]
) -> None:
    """Over any stretch of time."""
    now = 5.0
    budget = Budget(burst, rate, now)
    start, spent = now, 0
    for amount, pause in spending:
        now += pause
        verdict = budget.spend(amount, now)
        spent += amount
        if verdict == EXHAUSTED:
            return
        assert spent <= burst + rate * (now - start) + 1e-6 * spent
