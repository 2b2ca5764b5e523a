"""What the Functions host calls: bindings, no logic."""
