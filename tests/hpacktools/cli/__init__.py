"""Tests of hpacktools.cli."""
