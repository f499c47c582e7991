"""``python -m xmsyncd``: the same as the console script ``xmsyncd``."""

from __future__ import annotations

from xmsyncd.cli import main

if __name__ == "__main__":
    main()
