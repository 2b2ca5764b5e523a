"""`make demo`: the whole platform on free ports, and the story that it is for, played act by act.

Every step shows its progress live and ends with what it proves; a step that does not prove it ends the demo with 1.
"""
