"""What only the system can do: end a process with its parent, let two folders change places in one step."""

import ctypes
import errno
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
RENAME_EXCHANGE, AT_FDCWD = 2, -100
NOT_HERE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


def end_with_parent() -> None:
    """This process ends when its parent does, even by kill -9: nobody would know that it still writes.

    Only Linux can promise it; elsewhere an orphan ends its stage, and the next run waits for it.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getsid(os.getppid()) != os.getsid(0):  # it went before we asked: who took its place is of no session of ours
        os.kill(os.getpid(), signal.SIGKILL)


def exchange(one: str, other: str) -> bool:
    """Two names of files or folders change places in one step; False where system or file system cannot do that."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in NOT_HERE:
        return False
    raise OSError(number, os.strerror(number), one, None, other)
