"""RuntimeDeployment: a release taken to an environment as one thing, and taken back as one thing.

model: the record and its history · transitions: its state machine · service: what callers can ask for · preparing: from
components to workloads · orchestrator: the flow · activities: its effects · reading: what callers see.
"""
