"""What people complain about in other development servers, and the tests that it is not so here.

The complaints were collected from the issue trackers of other servers.  Each names the tests that
would fail if this server gave reason for the same complaint; this module proves that they exist.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
BROWSER = "end_to_end/test_browser_live_reload.py"

COMPLAINTS: dict[str, tuple[str, ...]] = {
    "stale files from the browser's cache, max-age by default": (
        "dev/test_application.py::test_everything_is_revalidated",
    ),
    "no live reload without head or body": (
        "dev/test_injection.py::test_place",
        f"{BROWSER}::test_any_document_reloads",
    ),
    "the injected script is blocked by the page's policy": (
        "dev/test_policy.py::test_field",
        "dev/test_policy.py::test_meta",
        f"{BROWSER}::test_any_document_reloads",
    ),
    "no reload, and nothing says why": (
        "dev/test_extension.py::test_it_says_when_nobody_listens",
        "dev/test_watcher.py::test_without_notifications_it_says_so_and_polls",
        f"{BROWSER}::test_the_overlay_shows_under_any_policy",
    ),
    "the seventh tab hangs on HTTP/1.1": (f"{BROWSER}::test_ten_tabs_reload_over_one_connection",),
    "a reload whenever the connection drops; the back/forward cache is off": (
        f"{BROWSER}::test_restart_reloads_only_what_changed",
        f"{BROWSER}::test_back_and_forward_use_the_cache",
    ),
    "no reconnect after the server was restarted": (
        f"{BROWSER}::test_restart_reloads_only_what_changed",
    ),
    "double reloads, reloads too early, atomic saves": (
        "dev/test_tree.py::test_atomic_save_is_one_change",
        "dev/test_watcher.py::test_changes_are_gathered_until_it_is_quiet",
        f"{BROWSER}::test_a_page_reloads_once_and_keeps_the_scroll_position",
    ),
    "the scroll position is lost; a flash without styles": (
        f"{BROWSER}::test_a_page_reloads_once_and_keeps_the_scroll_position",
        f"{BROWSER}::test_a_style_sheet_never_leaves_a_gap",
    ),
    "the watcher runs out of watches in node_modules": (
        "dev/test_tree.py::test_ignored_folders_are_not_watched",
        "dev/test_watcher.py::test_without_notifications_it_says_so_and_polls",
    ),
    "scripts injected into frames; reload loops": (
        f"{BROWSER}::test_frames_do_not_reload_by_themselves",
        f"{BROWSER}::test_a_page_that_stays_behind_reloads_once",
    ),
    "no HTTP/2 in a simple server": (f"{BROWSER}::test_protocol",),
    "HTTPS needs recipes": (
        "localca/test_certificates.py::test_openssl_accepts_it",
        f"{BROWSER}::test_protocol",
    ),
    "live reload or production semantics, never both": (
        "dev/test_application.py::test_ranges_are_of_the_octets_that_are_sent",
        "dev/test_application.py::test_head_and_conditional_requests",
    ),
    "any site can read the development server": (
        "dev/test_application.py::test_other_origins_get_neither",
        "dev/test_application.py::test_other_names_get_nothing",
        "dev/test_application.py::test_no_cors_by_default",
    ),
    "a browser window more at every start": (
        "end_to_end/test_dev_server.py::test_open_is_not_needed_when_a_page_comes_back",
    ),
}


@pytest.mark.parametrize("complaint", COMPLAINTS)
def test_there_is_a_test_for(complaint: str) -> None:
    for reference in COMPLAINTS[complaint]:
        path, _, name = reference.partition("::")
        module = ast.parse((TESTS / path).read_text())
        assert name in {node.name for node in module.body if isinstance(node, ast.FunctionDef)}
