"""Hints for the resources a page needs next: push rules, page scans, and their delivery."""
