"""SecretBinding: which secrets of which vault a service may use. References only; the platform never reads a value.

model: the record · service: bind · resolution: from a configuration's references to versions.
"""
