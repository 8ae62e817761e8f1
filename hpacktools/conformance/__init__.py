"""Running stories against this codec or another, and saying what came of it."""
