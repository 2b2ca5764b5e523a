"""RuntimeEnvironment: made once, deployed into many times, decommissioned as a whole.

model: the record and its rules · transitions: its state machine · isolation: who may touch it · index: where a tenant
finds it · service: what callers can ask for · operating: the operations that are
begun in one · orchestrator: how one is made · activities: the effects it is made of.
"""
