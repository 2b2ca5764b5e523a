"""RuntimeConfiguration: an immutable, versioned set of values that a deployment can name.

model: the record, and what may not be in it · service: publish · reading: find them again.
"""
