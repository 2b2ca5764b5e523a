"""The workload runner: every replica of every revision is a real HTTP listener with an address of its own."""
