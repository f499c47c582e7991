"""The words of the console in its two languages; a test holds them to the closed sets."""

from xmsyncd.console.words.catalogue import WORDS

__all__ = ["WORDS"]
