"""The provisioner: one process per attempt of one operation. It runs the engine, reports on the operation row, exits.

It has no place in the Functions app: an engine may drive a command line for an hour. `python -m infra.provisioner`.
"""
