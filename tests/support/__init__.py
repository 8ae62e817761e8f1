"""Support code that several test files share."""
