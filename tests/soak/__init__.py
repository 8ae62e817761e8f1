"""Hours of traffic in ten minutes: mixed, partly hostile, while workers are killed and reloaded.

Promise: ``python -m tests.soak`` (``make soak``) ends after the minutes it was given and says
whether anything that a well-behaved client asked for was lost, and whether descriptors and memory
of every process are flat.  :mod:`tests.soak.run` has the plan; :mod:`tests.soak.test_soak` plays a
short one.

Assumes Linux (``/proc``).
"""
