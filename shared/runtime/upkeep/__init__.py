"""What keeps promises when something was lost: operations that were committed and never started, events that were not
sent, scaling policies that wait for a free slot. Works from the list of active environments, and shortens it."""
