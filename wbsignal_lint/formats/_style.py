"""How output looks: colours, and text that can't harm a terminal."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Style", "printable"]

_CODES = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36", "dim": "2"}


@dataclass(frozen=True)
class Style:
    """What the caller wants to see."""

    color: bool = False
    unsafe_fixes: bool = False
    """Unsafe fixes are wanted, so they count as fixable."""
    summary: bool = True
    """Say at the end how many findings there were."""
    show_fixes: bool = False
    """Say of each file which findings were fixed."""

    def paint(self, text: str, *names: str) -> str:
        """Return ``text`` in colours, if there are to be any."""
        if not self.color or not text:
            return text
        return f"\x1b[{';'.join(_CODES[name] for name in names)}m{text}\x1b[0m"


def printable(text: str) -> str:
    """Return ``text`` with control characters made visible: a linted file must not be able to command a terminal."""
    return "".join(_visible(character) if _is_control(character) else character for character in text)


def _is_control(character: str) -> bool:
    return (character < " " and character != "\t") or "\x7f" <= character <= "\x9f" or "\ud800" <= character <= "\udfff"


def _visible(character: str) -> str:
    if character < " ":
        return chr(0x2400 + ord(character))
    return "\u2421" if character == "\x7f" else "\ufffd"
