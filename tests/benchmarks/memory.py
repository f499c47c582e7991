"""Whether the daemon's memory stays the same while the catalogue grows tenfold.

``make bench``, or ``python -m tests.benchmarks.memory [SMALL LARGE]``. Exit status 1 above the limit.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.benchmarks._whole_job import WholeJob, deliver_all, open_simulation

_SIZES = (10_000, 100_000)
_MOST = 1.3


def main(arguments: list[str]) -> int:
    """Print the peak of the daemon's resident memory at both sizes, and their ratio."""
    small, large = (_measure(int(size)) for size in arguments or _SIZES)
    ratio = large.peak_kib / small.peak_kib
    _say(f"memory: {large.products} products take {ratio:.2f} times the memory of {small.products}")
    if ratio > _MOST:
        _say(f"memory: more than {_MOST} times")
        return 1
    return 0


def _measure(products: int) -> WholeJob:
    # Without totals a window is proven by reading it twice, and two passes remember more ids than one.
    simulation = open_simulation(products, okki_total="missing")
    with tempfile.TemporaryDirectory() as folder, simulation as simulated:
        done = deliver_all(Path(folder), simulated, products)
    _say(
        f"memory: {products} products: peak {done.peak_kib / 1024:.1f} MiB, {done.seconds:.0f} s "
        f"({products / done.seconds:.0f} a second), {done.cpu_seconds:.0f} s of CPU time"
    )
    return done


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
