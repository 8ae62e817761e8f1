"""Running stories against this codec or another one, and reporting the results."""
