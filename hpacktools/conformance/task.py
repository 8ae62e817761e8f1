"""What a suite is run with: one story, by our codec or by a command."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True, frozen=True)
class Task:
    """One story to run in one suite."""

    #: ``decode``, ``encode``, ``vector`` or ``encoder``.
    kind: str
    row: str
    path: str
    #: The name of the story in reports.
    story: str
    #: The command in the place of our codec; empty for ours.
    command: str = ""
    #: Whether the command can be told of several settings before one block.
    several_settings: bool = True
    strategy: str = "default"
    huffman: bool = True
    #: Annealing walks of the strategy ``best``.
    effort: int = 0
    #: Change SETTINGS_HEADER_TABLE_SIZE within the story.
    change_sizes: bool = False
