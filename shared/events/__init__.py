"""What happened: the log (audit and timeline at once), the events it carries, and their way to Service Bus.

envelope: the event as others read it · journal: one commit = change + log row + events · outbox: from the rows to the
topic · inbox: a message that comes again has no second effect. May import `access`, `store`, `kernel`.
"""
