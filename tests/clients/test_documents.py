"""The client's types are those of the API's description."""

from __future__ import annotations

from tools.documents import PATH, rendered


def test_generating_again_gives_the_same() -> None:
    assert PATH.read_text() == rendered(), "make schemas"
