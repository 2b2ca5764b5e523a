"""The contract's aggregates, one folder each; arrows between them point down only (docs/architecture)."""
