"""The waist of the architecture: types and rules shared by engines and applications (RFC 9110)."""
