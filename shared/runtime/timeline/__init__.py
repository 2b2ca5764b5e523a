"""What happened in an environment, told to people.

reading: the log's rows as a timeline, filtered and paged.
"""
