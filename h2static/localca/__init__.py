"""HTTPS on this machine without manual steps: a local CA, and the stores that must trust it."""
