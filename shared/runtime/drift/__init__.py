"""RuntimeDriftService: where reality differs from what was last promoted.

model: the finding and the scan · compare: the rules, one row each · transitions: what may become of a finding ·
ledger: what a scan does to the standing findings · sweep: a scan · writing: its conditional commits · reading: the answer.
"""
