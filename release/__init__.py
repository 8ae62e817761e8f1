"""How a release is made; developers only, no part of the package."""
