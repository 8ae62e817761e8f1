"""Measurements of the server beside its peers; nothing here is part of the distribution."""
