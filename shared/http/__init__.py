"""HTTP as the contract means it, without a framework: requests in, responses out, and the rules in between.

message: the two shapes · routes: path and method -> route · query, body, idempotency, preconditions: what a request may
say · headers, problem, cursor: what an answer says. Nothing here knows the Functions host: all of it is
tested without one.
"""
