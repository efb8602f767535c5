"""Feed every parser changed inputs, and kill processes at random moments: `make fuzz`."""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.parsers import Parser, all_parsers

SLOW_SECONDS = 2.0  # of CPU time, for one input


@dataclass(frozen=True)
class Count:
    """What became of the inputs of one parser."""

    name: str
    values: int  # inputs that were valid
    errors: int  # inputs that gave the documented error
    defects: tuple[str, ...]  # what else happened, each with its input


def fuzz(parser: Parser, inputs: int, seed: int) -> Count:
    """Feed a parser; its own seeds first, which must be valid or documented errors too."""
    draw = random.Random(f"{parser.name} {seed}")
    values = errors = 0
    defects: dict[str, str] = {}
    for number in range(inputs):
        data = parser.seeds[number] if number < len(parser.seeds) else parser.make(draw)
        started = time.process_time()
        try:
            parser.read(data)
            values += 1
        except parser.documented:
            errors += 1
        except Exception as error:  # noqa: BLE001 - these are what is sought
            at = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__} in {at.filename}, line {at.lineno}"
            defects.setdefault(where, f"{where}: {str(error)[:200]}\ninput: {data[:400]!r}")
        if time.process_time() - started > SLOW_SECONDS:
            defects.setdefault("slow", f"took over {SLOW_SECONDS:g} s\ninput: {data[:400]!r}")
    return Count(parser.name, values, errors, tuple(defects.values()))


def fuzz_one(name: str, inputs: int, seed: int) -> Count:
    """Do as `fuzz`, in a process of its own."""
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        (parser,) = [p for p in all_parsers(Path(folder)) if p.name == name]
        return fuzz(parser, inputs, seed)


def _memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def main() -> None:
    """Fuzz, then kill; print counts, and exit with 1 if anything was found."""
    options = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    options.add_argument("--inputs", type=int, default=1_000_000)
    options.add_argument("--kills", type=int, default=34)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--processes", type=int, default=1)
    given = options.parse_args()
    failed = _fuzz_all(given.inputs, given.seed, given.processes)
    if given.kills:
        from tests.fuzz.kills import kill_everything

        with tempfile.TemporaryDirectory() as folder:
            counts = kill_everything(Path(folder), given.kills, given.seed)
        for what, count in counts.items():
            print(f"{what:<21} killed {count} times: the ledger is valid, and all went on")
    sys.exit(1 if failed else 0)


def _fuzz_all(inputs: int, seed: int, processes: int) -> bool:
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        shares = {parser.name: parser.share for parser in all_parsers(Path(folder))}
    scale = inputs / sum(shares.values())
    total = [0, 0, 0]
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(processes))
        jobs = [
            pool.submit(fuzz_one, n, round(share * scale) + 1, seed) for n, share in shares.items()
        ]
        print(f"{'parser':<21}      inputs       valid      errors     defects")
        for job in jobs:
            count = job.result()
            found = (count.values, count.errors, len(count.defects))
            total = [a + b for a, b in zip(total, found, strict=True)]
            _print_row(count.name, found)
            for defect in count.defects:
                print(defect, flush=True)
    _print_row("all", total)
    return total[2] > 0


def _print_row(name: str, found: Sequence[int]) -> None:
    numbers = "".join(f" {number:>11,}" for number in (sum(found), *found))
    print(f"{name:<21}{numbers}", flush=True)


if __name__ == "__main__":
    main()
