"""How a change of workloads reaches its targets: in waves, each judged on evidence before the next begins.

plan: which service changes in which wave · gate: the verdict, a pure function of the evidence · effects: apply,
promote, restore. Deployments use it; scaling and rotation will.
"""
