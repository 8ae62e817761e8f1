"""Tests by section of the RFCs: each MUST that a server can break."""
