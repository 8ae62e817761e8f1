"""Fuzzing decoders with generated header blocks: compare verdicts and minimize the cases."""
