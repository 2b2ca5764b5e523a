"""A container registry in memory: a digest for every image, none for those that are said to be missing."""

from __future__ import annotations

from hashlib import sha256

from shared.kernel.errors import Refused


class FakeRegistry:
    """`errors` are raised by the next calls, one by one; `moved`: what a tag means instead, as digits of a digest."""

    def __init__(self) -> None:
        self.missing: set[str] = set()
        self.errors: list[Exception] = []
        self.moved: dict[str, str] = {}
        self.asked: list[str] = []

    async def resolve(self, image: str) -> str:
        self.asked.append(image)
        if self.errors:
            raise self.errors.pop(0)
        if image in self.missing:
            raise Refused("registry", "ImageNotFound", image)
        return image.partition("@")[2] or f"sha256:{sha256(self.moved.get(image, image).encode()).hexdigest()}"
