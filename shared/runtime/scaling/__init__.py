"""ScalingPolicy: within which bounds a service's replicas may move. The target's own autoscaler moves them.

model: the record and its rules · service: apply · pausing: pause, resume · reading: find policies again · enforcement:
begin the operation that brings one to its target · orchestrator, activities: that operation.
"""
