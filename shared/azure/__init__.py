"""Azure's own SDKs behind small classes of ours: the only importers of them besides `store` and `blueprints`.

No module here imports an SDK when it is imported itself (`arm_pipeline` excepted, which `arm` loads with the first call):
an answer that needs none of Azure must not pay for its clients.
"""
