"""What keeps the local Azure from starting, said in one line that tells what to do."""


class Trouble(Exception):
    """The text is for a person; the command prints it and ends with exit code 1."""
