"""Tests of hpacktools.capture."""
