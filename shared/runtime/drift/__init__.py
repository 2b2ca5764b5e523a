"""RuntimeDriftService: where reality differs from what was last promoted, and what people decide about it.

model: the finding and the scan · rules: how a service can differ, one rule a kind · redaction: settings by fingerprints ·
ignoring: what is left out · compare: all of it together · ground: what a look stands on · transitions: what may become of a
finding · ledger: what a scan does to the standing findings · sweep: a scan · writing: its conditional commits · events ·
reading: the answer · ruling: the ignore rules · deciding: acknowledge, accept, adopt, remediate · adoption, following: what
is wanted once reality was adopted · orchestrator, activities: the operation that adopts. A remedy is a deployment; of the
infrastructure, a run of its engine (`shared.runtime.mending`).
"""
