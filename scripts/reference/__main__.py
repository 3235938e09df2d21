"""Write the pages of docs/reference; the program behind `make docs`."""

from __future__ import annotations

from scripts.reference.pages import FOLDER, pages


def main() -> None:
    """Write every generated page."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(FOLDER / name)


if __name__ == "__main__":
    main()
