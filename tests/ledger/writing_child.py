"""A process that writes episodes until it is killed, telling each one that was acknowledged."""

import itertools
import sys
from pathlib import Path

from agentevo.ledger import Ledger
from tests.ledger.conftest import trajectory


def write(folder: Path) -> None:
    """Write for ever, beginning with episodes that an earlier child may have written."""
    with Ledger.open(folder, write=True) as ledger:
        ledger.start_run("r", configuration={}, fingerprint="f")
        print("open", flush=True)
        for n in itertools.count():
            ledger.add_episode("r", trajectory(n))
            print(n, flush=True)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
