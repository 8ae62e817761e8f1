"""Coverage-guided fuzzing of everything that reads octets of strangers or texts of owners.

Promise: a *target* takes any octets and fails only where the product is wrong.  Targets need no
fuzzer: the tests run them on seeds and on what was found before.  ``make fuzz`` runs them under
Atheris, for a time that is a parameter.
"""
