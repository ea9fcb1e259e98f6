"""Texts of the user as file names and in XML: what file systems and parsers do not accept."""

from collections.abc import Iterable

LONGEST_STEM = 80


def safe_stem(text: str) -> str:
    """Return a text without characters that a file system treats as special."""
    return "".join(c if c.isalnum() or c in "-_. " else "_" for c in text)


def folder_name(text: str) -> str:
    """Return a text as the name of a folder: short, and without dots or spaces at its ends."""
    return safe_stem(text)[:LONGEST_STEM].strip(". ") or "_"


def printable_text(text: str) -> str:
    """Return a text with spaces in place of control characters, which XML and YAML forbid."""
    return "".join(c if c.isprintable() else " " for c in text)


def unique_texts(texts: Iterable[str]) -> list[str]:
    """Return texts that all differ: repeated ones get a number, as in "ship (2)"."""
    used: set[str] = set()
    unique = []
    for text in texts:
        candidate, number = text, 1
        while candidate in used:
            number += 1
            candidate = f"{text} ({number})"
        used.add(candidate)
        unique.append(candidate)
    return unique
