"""How many requests a tenant may make: a rate on each instance, one for REST and gRPC alike, off where no rate is set.

It is asked once a token is known to be good: what a tenant may use up is its own, and nobody uses up another's. A stream
counts when it is opened; how many a tenant may hold open is `runtime_grpc`'s to say.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from shared.kernel.buckets import Bucket, Limit
from shared.kernel.errors import TooManyRequests

BURST = 5.0  # seconds' worth of requests that may come at once
MOST = 10_000  # tenants remembered; the one that was quiet longest is forgotten first, and has a full bucket again


class Limits:
    def __init__(self, per_second: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        """`per_second`: requests of one tenant on this instance; 0 is no limit."""
        self._limit = Limit(per_second, max(1.0, per_second * BURST))
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, tenant_id: str) -> None:
        """Raises `TooManyRequests`; what is refused uses up nothing."""
        if not self._limit.rate:
            return
        bucket = self._buckets.setdefault(tenant_id, Bucket(self._limit, self._clock))
        self._buckets.move_to_end(tenant_id)
        if len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        if (wait := bucket.draw()) > 0:
            bucket.give_back()
            raise TooManyRequests(wait)
