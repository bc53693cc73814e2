"""What can be wrong with a file of subtitles, with the line where it is."""

from core.errors import InputFault


class MalformedText(InputFault):
    """The subtitles cannot be read; `line` counts from 1, and is 0 where no line is to blame."""

    status = 422
    code = "captions.malformed"

    def __init__(self, line: int, detail: str) -> None:
        super().__init__(f"line {line}: {detail}" if line else detail)
        self.line = line
        self.detail = detail
