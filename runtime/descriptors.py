"""How many files and sockets this process may have open."""

import resource


def raise_descriptor_limit() -> int:
    """Take as many descriptors as the machine's owner allows us; give how many that is.

    The limit in force is 1024 on many machines, for the sake of programs that use `select`.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
