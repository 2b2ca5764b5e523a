"""Taking an environment down as a whole: its workloads, then everything the engine made; nothing else starts meanwhile.

service: the request and its confirmation · orchestrator: the flow · activities: its effects.
"""
