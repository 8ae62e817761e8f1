"""What holds for every test.

Strategy: a busy machine fails no test of Hypothesis, so that neither the time of one example is
bounded nor that of finding it; pytest bounds a whole test.  Continuous integration tries the same
examples in every run: whoever changed nothing is not told of a fault.  New ones are sought on
developers' machines and by ``make fuzz``.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.support.tools import in_ci

settings.register_profile(
    "project",
    deadline=None,
    derandomize=in_ci(),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("project")
