"""`python -m pipeline.desk COMMAND`: load, migrate, administrator, serve, verify, head, backup, restore, check."""

import os
import sys

from pipeline.errors import BadInput, fault

BAD_INPUT, MACHINE_FAULT = 2, 4


def main() -> None:
    """Exit status 0 done, 2 bad input or a refused bundle and 4 the machine's refusal, told in a few lines; 1 a bug."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pipeline.desk.settings")
    try:
        from pipeline.desk import commands

        commands.run(sys.argv[1:])
    except BadInput as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(BAD_INPUT) from None
    except Exception as error:
        told = fault(error)
        if told is None:
            raise
        sys.stderr.write(f"{told}\n")
        raise SystemExit(MACHINE_FAULT) from None


if __name__ == "__main__":
    main()
