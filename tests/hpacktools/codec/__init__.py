"""Tests of hpacktools.codec."""
