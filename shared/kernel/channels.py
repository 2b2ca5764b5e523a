"""What the platform's Service Bus namespace holds: one list, for the app, for the infrastructure and for the local broker.

Nothing here orders messages: events do it by their `sequence`. The topic drops a repeated `MessageId` for a while, which is
how long the outbox may send an event twice without anybody seeing it; consumers drop a repeated `eventId` at any time.
"""

from __future__ import annotations

from datetime import timedelta

EVENTS = "runtime-events"
OWN = "runtime-app"  # the app's own subscription to it
OBSERVER = "observer"  # gets everything, for whoever wants to look on
SUBSCRIPTIONS = (OWN, OBSERVER)

WORK = "runtime-work"  # sweeps by shard, and nudges
NOTICES = "runtime-notices"  # what Azure's Event Grid tells of vaults, in its own schema
ERRORS = "runtime-errors"  # messages that nobody can read, each with its reason
QUEUES = (WORK, NOTICES, ERRORS)

DELIVERIES = 10  # tries of one message; then it is dead-lettered
LOCKED = timedelta(minutes=1)
DUPLICATES = timedelta(minutes=10)  # Azure's default for duplicateDetectionHistoryTimeWindow
