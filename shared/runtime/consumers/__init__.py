"""What the platform does when it hears of its own events: who listens to what, and each effect once.

letter: an event as the app's own subscription reads it · consuming: the table of who listens · vault_event:
what Event Grid tells of vaults.
"""
