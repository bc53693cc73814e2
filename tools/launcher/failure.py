"""How set-up gives up: one sentence and an exit code."""


class SetupFailed(Exception):
    """Set-up cannot go on; the message is the sentence the user reads."""

    exit_code = 1


class MachineLacks(SetupFailed):
    """The machine lacks something that only its owner can install."""

    exit_code = 2
