"""The gRPC face of the platform: inventory, health as it changes, drift, and health ingest, for sister systems.

A process of its own (the Functions host cannot serve gRPC), made of the same container as the app: the same authoriser,
tenants and rows. One thin servicer a service; `watching` follows environments for all of them.
"""
