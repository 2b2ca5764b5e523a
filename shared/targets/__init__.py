"""Compute targets: one Protocol (`port`), one module per target, one conformance suite for all (`tests/targets`)."""
