"""Generated header blocks for decoders, differences between their verdicts, smallest cases."""
