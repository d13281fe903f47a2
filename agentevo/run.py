"""A run: a folder with its settings, its ledger, its memory index, its adapters, its report."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from agentevo.config import ConfigError, RunConfig, make
from agentevo.evaluation.evaluate import Arm
from agentevo.fingerprint import changes, fingerprint, noted_of
from agentevo.folders import RunError, folder_of, user
from agentevo.ledger import Ledger, LedgerError
from agentevo.memory import latest
from agentevo.playing import Playing
from agentevo.updating.consolidation import bring_back, known_by

if TYPE_CHECKING:
    from agentevo.benchmarks import Benchmark
    from agentevo.memory import Memory


REMEMBERS = ("origin", "memory", "edit", "retirement", "restoration", "rollback")
"""Events, and promotions, that say which version of the memory is in force."""


@dataclass
class Run(Playing):
    """A run that is open: what it holds, what it plays with, and where it stands."""

    @classmethod
    def start(cls, folder: Path, config: RunConfig) -> Run:
        """Make a new run, or open one that was begun with the same settings."""
        fresh = not folder.exists()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (PermissionError, NotADirectoryError, FileExistsError) as error:
            raise RunError(f"no run can be made in {folder}: {error.strerror}") from None
        try:
            ledger = Ledger.open(folder, write=True)
            run = cls(folder, config, ledger)
            ledger.start_run(
                run.id,
                configuration=config.model_dump(mode="json"),
                fingerprint=fingerprint(config),
            )
            if not ledger.events(run.id, kind="benchmark"):
                ledger.add_event(run.id, "benchmark", noted_of(config))
        except BaseException:
            if fresh:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        return run

    @classmethod
    def open(cls, where: str | Path, *, write: bool = False, to_play: bool = True) -> Run:
        """Open a run that is there.

        Args:
            where: its name or folder.
            write: False: only to look at it.
            to_play: of what writes, whether it plays; then all must be as it was.

        Raises:
            RunError: it is not there, or its settings are of another version.
            LedgerError: its ledger is damaged, or open in another process.
        """
        folder = folder_of(where)
        ledger = Ledger.open(folder, write=write)
        try:
            kept = ledger.run(folder.name)
        except LedgerError:
            ids = [one.id for one in ledger.runs()]
            ledger.close()
            raise RunError(
                f"the ledger in {folder} is of run {', '.join(ids) or '(none)'}: the folder "
                "was renamed, or is not a run's"
            ) from None
        try:
            config = make(kept.configuration)
        except ConfigError as error:
            ledger.close()
            raise RunError(
                f"run {folder.name} has settings of another version of agentevo: {error}"
            ) from None
        if write and to_play and kept.fingerprint != fingerprint(config):
            noted = ledger.events(folder.name, kind="benchmark")
            ledger.close()
            changed = changes(kept.configuration, noted[0].payload if noted else {}, config)
            raise RunError(
                f"run {folder.name} was made otherwise ({changed}): what it would do now cannot be "
                "compared with what it did; it can be looked at, and a new run can be begun"
            )
        for event in ledger.events(folder.name, kind="extension"):
            n_generations = int(str(event.payload["n_generations"]))
            config = config.model_copy(update={"n_generations": n_generations})
        run = cls(folder, config, ledger)
        if write and ledger.events(folder.name, kind="editing"):  # one may have been cut short
            run._note_edit(latest(ledger.engine, run.scope))
        return run

    def __enter__(self) -> Self:
        """Return the run itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def incumbent(self) -> Arm:
        """Return the pair in force: what was promoted, rolled back to, or edited by hand.

        Lessons that credit showed to be harmful are no longer part of it.
        """
        arm = Arm(0, "")
        for event in self.ledger.events(self.id):
            told = event.payload
            half = told["kind"] if event.kind == "promotion" else event.kind
            if half in REMEMBERS and "memory_version" in told:
                arm = replace(arm, memory_version=int(str(told["memory_version"])))
            if half in ("origin", "weights", "rollback"):
                arm = replace(arm, adapter=str(told["adapter"]))
        return arm

    def beginning(self) -> Arm:
        """Return the pair that it began with: its origin's, or no lessons and plain weights."""
        for event in self.ledger.events(self.id, kind="origin"):
            told = event.payload
            return Arm(int(str(told["memory_version"])), str(told["adapter"]))
        return Arm(0, "")

    @contextmanager
    def editing(self) -> Iterator[Memory]:
        """Open the memory to be changed by hand; what it is afterwards is in force.

        Raises:
            RunError: a generation's lessons stand at the gate.
        """
        self.check_not_judged()
        memory = self.memory()
        self.ledger.add_event(self.id, "editing", {"memory_version": memory.version})
        try:
            yield memory
        finally:
            self._note_edit(memory.version)

    def check_not_judged(self) -> None:
        """Raise RunError where a generation's lessons stand at the gate."""
        generation = len(self.ledger.updates(self.id, kind="outcome")) + 1
        if self.ledger.get_update(self.id, generation, "drafts"):
            raise RunError(
                f"the lessons of generation {generation} of run {self.id} are being judged: let "
                "it go on until that is done (evolve --resume)"
            )

    def _note_edit(self, version: int) -> None:
        """Put in force what was edited by hand last, if that was not done yet."""
        begun = self.ledger.events(self.id, kind="editing")
        done = self.ledger.events(self.id, kind="edit")
        if len(begun) > len(done):
            changed = version != begun[-1].payload["memory_version"]
            now = {"memory_version": version} if changed else {}
            self.ledger.add_event(self.id, "edit", now)

    def roll_back(self, arm: Arm) -> None:
        """Put an earlier pair in force; what came after it stays in the history.

        Lessons that a person put in quarantine since stay there: then the memory in force is a new
        version, like the earlier one without them.
        """
        was = self.incumbent()
        if arm.memory_version != was.memory_version:
            memory = self.memory()
            memory.revert(arm.memory_version, who=user(), why="rolled back")
            then = self.snapshot(arm.memory_version, arm.adapter).lessons
            active = [one.id for one in then if one.status == "active"]
            if any(memory.get(name).status != "active" for name in active):
                arm = replace(arm, memory_version=memory.version)
        arm = self._with_all(arm, user())
        if arm != was:
            self.ledger.add_event(self.id, "rollback", {**arm.pair, "was": was.pair})

    def _with_all(self, arm: Arm, who: str) -> Arm:
        """Return a pair like another, after the log has what its adapter does not know as active.

        Args:
            arm: its memory is the log's latest, but for what stands at no gate.
            who: recorded with each event.
        """
        shown = self.snapshot(arm.memory_version, arm.adapter).lessons if arm.memory_version else ()
        if all(one.status == "active" for one in shown):
            return arm
        memory = self.memory()
        memory.revert(arm.memory_version, who=who, why="what followed is not in force")
        bring_back(memory, known_by(self.ledger, self.id), arm.adapter, who=who)
        return replace(arm, memory_version=memory.version)

    def promote(self, generation: int, kind: str, arm: Arm) -> Arm:
        """Put a pair in force, and return it.

        Lessons that another adapter had internalised are active again: then its memory is a new
        version, which says the same as the one that was judged.
        """
        if arm.adapter != self.incumbent().adapter:
            judged, arm = arm, self._with_all(arm, f"generation {generation}")
            if arm != judged:
                told = {**arm.pair, "generation": generation}
                self.ledger.add_event(self.id, "restoration", told)
        self.ledger.add_event(
            self.id,
            "promotion",
            {
                "generation": generation,
                "kind": kind,
                "memory_version": arm.memory_version,
                "adapter": arm.adapter,
            },
        )
        return arm


def check_levels(benchmark: Benchmark, levels: Sequence[int] | None) -> None:
    """Raise the benchmark's own error where a level does not exist."""
    benchmark.tasks("train", 1, levels=levels)
