"""Durable Functions: the real library replays, durabletask's in-memory backend keeps state, SQLite makes it last.

`replay` translates between the two (pure functions), `backend` mends the backend and journals it (`store`), `engine` hands
out the work, `webhooks` is the HTTP API that operators and the durable client call. Durable entities are not emulated.
"""
