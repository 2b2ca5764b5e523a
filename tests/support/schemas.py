"""The published schemas of events, as whoever consumes them would use them."""

from __future__ import annotations

import json
from functools import cache

from jsonschema import Draft202012Validator

from tools.schemas import FOLDER


@cache
def validator(event_type: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((FOLDER / f"{event_type}.json").read_text()))
