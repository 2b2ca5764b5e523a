"""`Microsoft.Web` and the autoscale settings that act on it: plans, sites with deployment slots, swaps that move content.

Every instance of a place (the production site, or a slot) is a replica of the workload runner with an address behind TLS.
"""
