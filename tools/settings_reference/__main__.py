"""``python -m tools.settings_reference [--check]``: write the page or compare it."""

import sys
from pathlib import Path

from tools.settings_reference.page import page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "settings.md"


def main(words: list[str]) -> int:
    """Write the page; with ``--check`` compare it and give 1 when it differs."""
    text = page()
    if words == ["--check"]:
        if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text:
            return 0
        print(f"{PAGE} is out of date: run python -m tools.settings_reference", file=sys.stderr)
        return 1
    if words:
        print("usage: python -m tools.settings_reference [--check]", file=sys.stderr)
        return 2
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
