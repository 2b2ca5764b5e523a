"""The operation behind every asynchronous answer: who holds the environment's slot, what it waits for, when it must end.

model: the record · slot: one at a time per environment · runs: what a worker may do with one (claim, report, settle).
May import `events`, `access`, `store`, `kernel`.
"""
