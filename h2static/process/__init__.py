"""Processes: the supervisor, its workers, and the line between them."""
