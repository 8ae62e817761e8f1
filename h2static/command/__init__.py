"""From the words of the command line to a configuration, and what the command does with it."""
