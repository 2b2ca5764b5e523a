"""RuntimeService: what runs in an environment, as it was last promoted or restored.

model: the record · rows: the projection that follows a promotion · where: which environments run a service.
"""
