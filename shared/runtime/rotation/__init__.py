"""Rotation of secrets: consumers are rolled onto a newer version behind the health gate, and the old one goes last.

seeking: which versions there are to go to · asking: whoever owns a secret is asked for one · service: what callers can ask
for · joining: several rotations of one environment are one roll · orchestrator, activities: that roll, a small release ·
sweep: what is due by time, by what the vault says, and the end of old versions · retiring: that end.
"""
