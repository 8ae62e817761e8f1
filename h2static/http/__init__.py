"""The waist: what protocol engines and applications share (RFC 9110)."""
