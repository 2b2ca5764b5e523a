"""RuntimeDeployment: a release taken to an environment as one thing, and taken back as one thing.

model: the record and its history · transitions: its state machine · acceptance: what a release must be · service and
beginning: what callers can ask for · preparing: from components to workloads · orchestrator: the flow · activities: its
effects · gates: what was judged · gating: judging · pausing: a person decides · promotion and taking_back: the two ends ·
reading: what callers see.
"""
