"""`python -m pipeline.desk COMMAND`: load, migrate, administrator, serve, verify, head, backup, restore, check."""

import os
import sys

from pipeline.errors import BadInput

BAD_INPUT = 2


def main() -> None:
    """Exit status 0 done, 2 bad input or a refused bundle told in a few lines."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pipeline.desk.settings")
    try:
        from pipeline.desk import commands

        commands.run(sys.argv[1:])
    except BadInput as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(BAD_INPUT) from None


if __name__ == "__main__":
    main()
