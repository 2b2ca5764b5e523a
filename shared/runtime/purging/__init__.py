"""What is kept for a time goes when that is over, a little at every tick.

ages: how long what is kept, as data · old: which rows of an environment are too old · gone: an environment that was taken
down, whole · sweep: whose turn it is, and how much at once.
"""
