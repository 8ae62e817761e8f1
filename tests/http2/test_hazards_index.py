"""Where each hostile scenario that concerns HTTP/2 itself is played.

The list has 84 scenarios; those of TLS (6, 7), of files (66 to 76) and of processes (77 to 82, 84)
belong to other parts.
"""

from __future__ import annotations

import importlib

import pytest

_FRAMES = "tests.http2.test_hazards_frames"
_STREAMS = "tests.http2.test_hazards_streams"
_HEADERS = "tests.http2.test_hazards_header_blocks"
_FLOW = "tests.http2.test_hazards_flow_control"
_WIRE = "tests.end_to_end.test_hostile_connections"
_PREFACE = "tests.conformance.test_rfc9113_3_4_preface"
_FORMAT = "tests.conformance.test_rfc9113_4_frames"
_BLOCKS = "tests.conformance.test_rfc9113_4_3_header_blocks"
_STATES = "tests.conformance.test_rfc9113_5_streams"
_DATA = "tests.conformance.test_rfc9113_6_1_data"
_SECTION_6 = "tests.conformance.test_rfc9113_6_frames"
_SETTINGS = "tests.conformance.test_rfc9113_6_5_settings_and_ping"
_WINDOWS = "tests.conformance.test_rfc9113_6_9_flow_control"
_MESSAGES = "tests.conformance.test_rfc9113_8_messages"
_PRIORITIES = "tests.conformance.test_rfc9218_priorities"

SCENARIOS: dict[int, list[tuple[str, str]]] = {
    1: [(_FRAMES, "test_hazard_01_nothing_is_sent")],
    2: [(_FRAMES, "test_hazard_02_the_preface_comes_slowly")],
    3: [
        (_PREFACE, "test_a_wrong_preface_is_a_protocol_error"),
        (_WIRE, "test_hazards_03_and_08_something_else_than_http2"),
    ],
    4: [(_PREFACE, "test_another_first_frame_is_a_protocol_error")],
    5: [(_FRAMES, "test_hazard_05_settings_are_never_acknowledged")],
    8: [(_WIRE, "test_hazards_03_and_08_something_else_than_http2")],
    9: [
        (_FRAMES, "test_hazard_09_an_idle_connection_is_asked_to_leave"),
        (_WIRE, "test_hazard_09_idle_connections"),
    ],
    10: [
        (_FRAMES, "test_hazard_10_every_frame_type"),
        (_FORMAT, "test_unknown_types_are_ignored_everywhere"),
    ],
    11: [(_FORMAT, "test_a_wrong_size_ends_the_connection")],
    12: [(_WIRE, "test_hazard_12_the_end_at_every_octet")],
    13: [(_DATA, "test_padding_is_taken_off"), (_SECTION_6, "test_headers_may_be_padded")],
    14: [(_SECTION_6, "test_a_wrong_frame")],
    15: [(_FRAMES, "test_hazard_15_frames_that_only_servers_send")],
    16: [(_FORMAT, "test_undefined_flags_and_reserved_bits_are_ignored")],
    17: [(_WIRE, "test_hazard_17_malformed_frames_after_the_end")],
    18: [
        (_FRAMES, "test_hazard_18_pings_that_are_not_read"),
        (_WIRE, "test_hazard_18_a_flood_that_is_not_read"),
    ],
    19: [(_FRAMES, "test_hazard_19_settings")],
    20: [(_FRAMES, "test_hazard_20_settings_with_many_entries")],
    21: [(_SETTINGS, "test_values_are_processed_in_order")],
    22: [(_FRAMES, "test_hazard_22_windows_toggled_with_many_streams")],
    23: [(_SECTION_6, "test_a_wrong_frame")],
    24: [(_FRAMES, "test_hazard_24_the_encoders_table_does_not_follow_the_peers")],
    25: [(_BLOCKS, "test_size_updates_are_announced")],
    26: [(_SECTION_6, "test_a_wrong_frame")],
    27: [(_FRAMES, "test_hazard_27_overflows_of_stream_windows_are_charged")],
    28: [(_FRAMES, "test_hazard_28_window_updates_for_nothing")],
    29: [(_FRAMES, "test_hazard_29_priority_signals")],
    30: [
        (_FRAMES, "test_hazard_30_priority_updates_for_future_streams"),
        (_PRIORITIES, "test_a_wrong_frame"),
    ],
    31: [
        (_STREAMS, "test_hazard_31_rapid_reset"),
        (_WIRE, "test_hazard_31_rapid_reset_beside_a_neighbour"),
    ],
    32: [(_STREAMS, "test_hazard_32_headers_and_an_error_reset_at_once")],
    33: [(_STREAMS, "test_hazard_33_made_you_reset")],
    34: [(_STREAMS, "test_hazard_34_streams_beyond_the_limit")],
    35: [(_STREAMS, "test_hazard_35_a_burst_before_our_settings_have_arrived")],
    36: [(_STATES, "test_a_frame_that_the_state_forbids")],
    37: [(_STATES, "test_the_last_identifier")],
    38: [(_MESSAGES, "test_a_malformed_request_ends_its_stream")],
    39: [
        (_STATES, "test_a_frame_that_the_state_forbids"),
        (_STATES, "test_frames_after_our_reset_are_ignored"),
    ],
    40: [(_STATES, "test_no_reset_answers_a_reset")],
    41: [(_STREAMS, "test_hazard_41_goaway_in_the_middle_of_a_download")],
    42: [(_HEADERS, "test_hazard_42_endless_continuation")],
    43: [(_HEADERS, "test_hazard_43_endless_large_continuation")],
    44: [(_HEADERS, "test_hazard_44_a_block_that_never_ends")],
    45: [(_HEADERS, "test_hazard_45_references_beyond_the_hard_limit")],
    46: [(_HEADERS, "test_hazard_46_cookie_crumbs_are_fields")],
    47: [(_HEADERS, "test_hazard_47_many_fields")],
    48: [(_HEADERS, "test_hazard_48_a_large_field")],
    49: [(_HEADERS, "test_hazard_49_size_updates_only")],
    50: [(_HEADERS, "test_hazard_50_large_huffman_values_cost_linear_time")],
    51: [(_MESSAGES, "test_a_malformed_request_ends_its_stream")],
    52: [(_MESSAGES, "test_a_malformed_request_ends_its_stream")],
    53: [(_MESSAGES, "test_a_malformed_request_ends_its_stream")],
    54: [(_DATA, "test_content_that_is_not_as_long_as_announced")],
    # What of an authority the protocol itself sees; the rest is the site's.
    55: [(_MESSAGES, "test_a_malformed_request_ends_its_stream")],
    56: [(_MESSAGES, "test_connect_is_no_tunnel")],
    57: [(_FLOW, "test_hazard_57_windows_that_never_open")],
    58: [(_FLOW, "test_hazard_58_a_drip_of_window_updates")],
    59: [
        (_FLOW, "test_hazard_59_a_socket_that_takes_nothing"),
        (_WIRE, "test_hazard_59_a_socket_that_is_never_read"),
    ],
    60: [(_FLOW, "test_hazard_60_tiny_windows_on_many_streams")],
    61: [(_WINDOWS, "test_negative_windows")],
    62: [(_FLOW, "test_hazard_62_responses_without_content_need_no_window")],
    63: [(_FLOW, "test_hazard_63_tiny_data_frames")],
    64: [(_FLOW, "test_hazard_64_a_large_upload_that_nobody_wants")],
    65: [(_FLOW, "test_hazard_65_a_slow_upload")],
    83: [(_STREAMS, "test_hazard_83_a_browser_that_navigates")],
}


def test_none_is_missing() -> None:
    assert set(SCENARIOS) == (set(range(1, 66)) - {6, 7}) | {83}


@pytest.mark.parametrize("number", SCENARIOS)
def test_a_scenario_is_played(number: int) -> None:
    for module, name in SCENARIOS[number]:
        assert callable(getattr(importlib.import_module(module), name))
