"""Tests of hpacktools."""
