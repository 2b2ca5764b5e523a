"""The composition root: everything the app is made of, from its settings, each part made when it is first needed.

One per event loop: the SDKs' async clients belong to the loop that first used them. `close` ends what was made, in the
reverse order of need. outside: what reaches out · requests: what answers · work: what nobody waits for.
"""

from __future__ import annotations

from shared.container.work import Work
from shared.http.cursor import Cursors
from shared.http.message import Request, Response
from shared.http.mutating import Mutating
from shared.http.pipeline import Pipeline
from shared.http.probing import Nobody, Probing
from shared.http.routes import RouteTable
from shared.kernel.clock import draw, now
from shared.kernel.errors import RuntimeCloudError
from shared.store import keys


class Container(Work):
    def pipeline(self, table: RouteTable) -> Pipeline:
        signing_key = self.settings.state.signing_key
        mutating = Mutating(self.isolation, self.governance, self.journal, draw, signing_key)
        return Pipeline(table, self.authoriser, mutating, Cursors(signing_key))

    def probing(self, table: RouteTable) -> Probing:
        """The isolation probe, over the way that every request takes."""
        pipeline = self.pipeline(table)

        async def serve(request: Request) -> Response:
            return await pipeline.serve(request, Nobody())

        return Probing(
            table=table,
            serve=serve,
            token=self.probe_credentials.token,
            authoriser=self.authoriser,
            bait=self.bait,
            recording=self.isolation_recording,
            store=self.store,
            clock=now,
            draw=draw,
        )

    async def ready(self) -> dict[str, bool]:
        """Whether what every request needs can be reached: the tables."""
        try:
            await self.store.get(keys.tenant_partition(""), "ready")
        except RuntimeCloudError:
            return {"tables": False}
        return {"tables": True}

    async def close(self) -> None:
        made = self.__dict__
        if "outbox" in made:
            await self.outbox.drain()
        for name in (
            "signing_keys",
            "made_targets",
            "registries",
            "vaults",
            "arm",
            "bus",
            "issuer",
            "policy",
            "store",
            "credentials",
        ):
            if name in made:
                await made[name].close()
