"""Find bindings again: references only."""

from __future__ import annotations

from shared.runtime.environments.found import Kept
from shared.runtime.secrets.model import SecretBinding
from shared.runtime.secrets.service import LISTED


class Bindings(Kept[SecretBinding]):
    record = SecretBinding
    kind = LISTED
