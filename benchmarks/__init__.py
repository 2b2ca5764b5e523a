"""Benchmarks: `make bench`. Every number is a ratio of two things measured in one run on one machine.

Machines differ and are shared, so absolute numbers say little; what the platform costs *beside* something that is known
says a lot. Ratios are printed and never asserted: a slow minute of the machine is not a defect.
"""
