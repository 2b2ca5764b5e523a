"""The contract for machines: OpenAPI 3.1, made of the route table and of the models that requests and answers are.

Nothing is described twice. A route says what it answers and which errors are its own; what follows from its kind (who may
call it, which headers it reads, how every mutation can fail) is derived here from what the pipeline does. The same table
gives the same bytes, in every process.

failures: which problems a route answers · schemas: models as JSON Schema · operations: a route as an operation ·
examples: one of every body · description: the whole document.
"""
