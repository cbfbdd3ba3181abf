"""What a user can cause: bad input or configuration, told in a few lines, exit status 2."""


class BadInput(Exception):
    """One or a few lines that name file, row or key, column and rule, and the way out; never a personal value."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
