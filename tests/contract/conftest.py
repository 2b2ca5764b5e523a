from __future__ import annotations

import pytest

from tests.contract.app import App


@pytest.fixture
def app() -> App:
    return App()
