"""The input of a suite: one story, for our codec or for a command."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True, frozen=True)
class Task:
    """One story to run in one suite."""

    #: ``decode``, ``encode``, ``vector`` or ``encoder``.
    kind: str
    row: str
    path: str
    #: The story's name in reports.
    story: str
    #: The command to test; empty for our codec.
    command: str = ""
    #: Whether the command accepts several settings before one block.
    several_settings: bool = True
    strategy: str = "default"
    huffman: bool = True
    #: Annealing walks for the strategy ``best``.
    effort: int = 0
    #: Whether to change SETTINGS_HEADER_TABLE_SIZE within the story.
    change_sizes: bool = False
