"""Says that the tests of the programs did not run, and how they do."""

from __future__ import annotations

import pytest

from tests.infra.conftest import ALL_THERE


@pytest.mark.skipif(not ALL_THERE, reason="Pulumi's packages are not in this environment: make test-infra has them")
def test_the_programs_can_be_imported() -> None:
    import infra.environment.program
    import infra.pool.program

    assert infra.environment.program.program
    assert infra.pool.program.declare
