"""Becomes a child that dies with its parent: ``child_exec.py SIGNAL PARENT UID GID -- ARGV``.

Run as a script between fork and exec, so that nothing runs in the forked copy of a threaded parent.
The death signal is set after the user is changed, because a change of credentials clears it
(prctl(2), PR_SET_PDEATHSIG); it survives the exec, and follows the thread that forked us.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
EXIT_CANNOT_EXEC = 127


def drop_to(uid: int, gid: int) -> None:
    """Become another user for good; a negative `uid` means stay who we are."""
    if uid < 0:
        return
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def die_with(parent: int, number: int) -> None:
    """Ask the kernel for signal `number` when `parent` ends; leave at once if it already has."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        sys.exit(EXIT_CANNOT_EXEC)


def main(arguments: list[str]) -> None:
    """Drop, bind to the parent, exec."""
    number, parent, uid, gid = map(int, arguments[:4])
    argv = arguments[5:]
    drop_to(uid, gid)
    die_with(parent, number)
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        sys.stderr.write(f"cannot run {argv[0]}: {error.strerror}\n")
        sys.exit(EXIT_CANNOT_EXEC)


if __name__ == "__main__":
    main(sys.argv[1:])
