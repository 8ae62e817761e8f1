"""The command: from command-line arguments to a configuration, and what to do with it."""
