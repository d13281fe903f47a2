"""What a run holds: its settings, ledger, memory, adapters, and the models that they are for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentevo import files
from agentevo.agent.equipment import context_of
from agentevo.backbones.speaker import load_benchmark
from agentevo.config import RunConfig
from agentevo.folders import RunError
from agentevo.ledger import Ledger
from agentevo.memory import Boilerplate, take_snapshot
from agentevo.tools import Toolbox
from agentevo.updating.consolidation import known_by

if TYPE_CHECKING:
    from agentevo.backbones import Backbone
    from agentevo.benchmarks import Benchmark, Progress
    from agentevo.memory import Embedder, Memory, Snapshot


@dataclass
class Holdings:
    """What is held; each is opened when it is first asked for.

    Args:
        folder: where it lives.
        config: its merged settings.
        ledger: its history; writable where the run goes on.
    """

    folder: Path
    config: RunConfig
    ledger: Ledger
    _backbones: dict[str, Backbone] = field(default_factory=dict)
    _snapshots: dict[tuple[int, frozenset[str]], Snapshot] = field(default_factory=dict)
    _memory: Memory | None = None
    _embedder: Embedder | None = None
    _common: Boilerplate | None = None
    _toolbox: Toolbox | None = None
    replies: Path | None = None
    """File of replies that are known already, for models that can look them up; None: none are."""

    @property
    def id(self) -> str:
        """Its name, which is its folder's."""
        return self.folder.name

    def close(self) -> None:
        """Close all that is open."""
        if self._memory is not None:
            self._memory.close()
            self._memory = None
        if self._toolbox is not None:
            self._toolbox.close()
            self._toolbox = None
        for backbone in self._backbones.values():
            backbone.close()
        self._backbones.clear()
        self.ledger.close()

    def benchmark(self) -> Benchmark:
        """Return the run's benchmark; where it says `user=self`, the run's model plays the user."""
        name = self.config.benchmark.replace("user=self", f"user={self.config.backbone}")
        return load_benchmark(name, self.config.endpoint)

    def backbone(self, adapter: str = "") -> Backbone:
        """Return the backbone with an adapter of this run, or plain; each is loaded once."""
        from agentevo.backbones import load
        from agentevo.backbones.backbone import SharesReplies

        if "" not in self._backbones:
            n_slots = 2 * self.config.agent.n_at_once  # two arms may play side by side
            plain = load(self.config.backbone, n_slots=n_slots, settings=self.config.endpoint)
            if self.replies is not None and isinstance(plain, SharesReplies):
                plain.share_replies(self.replies)
            self._backbones[""] = plain
        if adapter not in self._backbones:
            folder = self.adapter_folder(adapter)
            if not folder.exists():
                raise RunError(f"adapter {adapter} is missing: there is no {folder}")
            trained = [one.payload for one in self.ledger.updates(self.id, kind="weights")]
            noted = {one["adapter"]: one.get("sha256") for one in trained}.get(adapter)
            if noted and noted != files.sha256_of(*files.all_in(folder)):
                raise RunError(f"adapter {adapter} was altered: {folder} is not what was trained")
            for name in [n for n in self._backbones if n]:  # one adapter at a time is enough
                self._backbones.pop(name).close()
            self._backbones[adapter] = self._backbones[""].with_adapter(adapter, folder)
        return self._backbones[adapter]

    def adapter_folder(self, adapter: str) -> Path:
        """Return where an adapter's weights are."""
        return self.folder / "adapters" / adapter

    def toolbox(self) -> Toolbox:
        """Return the tools of the settings, opened; they are closed with the run.

        Raises:
            ToolError: one is not there, or cannot be opened.
        """
        if self._toolbox is None:
            context = context_of(self.config.toolbox, lambda texts: self.embedder().embed(texts))
            self._toolbox = Toolbox(self.config.agent.tools, context)
        return self._toolbox

    @property
    def scope(self) -> str:
        """The scope of the run's lessons: a label of the user's, or its benchmark."""
        label = self.config.memory.scope
        return label or re.sub(r"[^\w-]+", "-", self.config.benchmark).strip("-")

    @property
    def embedder_name(self) -> str:
        """Which embedder the memory has: the one it was last made anew with."""
        events = self.ledger.events(self.id, kind="embedder")
        return str(events[-1].payload["embedder"]) if events else self.config.memory.embedder

    def share_embedder(self, embedder: Embedder | None) -> None:
        """Take an embedder that is loaded already, if it is the one that the memory has."""
        if embedder is not None and embedder.name == embedder_of(self.embedder_name).name:
            self._embedder = embedder

    def embedder(self) -> Embedder:
        """Return the embedder of the memory."""
        if self._embedder is None:
            self._embedder = embedder_of(self.embedder_name)
        return self._embedder

    def memory(self) -> Memory:
        """Return the run's memory, open for writing."""
        from agentevo.memory import Memory

        if self._memory is None:
            self._memory = Memory(self.ledger.engine, self._index, self.scope, self.embedder())
        return self._memory

    def rebuild(self, embedder: str | None = None, progress: Progress | None = None) -> Memory:
        """Make the memory's index anew from the log, and return the memory, open for writing.

        Args:
            embedder: what embeds from now on, as in the settings; None: what did so far.
            progress: called with (lessons embedded, lessons to embed).

        Raises:
            MemoryAccessError: the embedder cannot be loaded; nothing was changed.
        """
        from agentevo.memory import Memory

        if embedder and embedder != self.embedder_name:
            self._embedder = embedder_of(embedder)
            self._embedder.embed(["that it can be loaded"])
            self.ledger.add_event(self.id, "embedder", {"embedder": embedder})
        self._memory = Memory(
            self.ledger.engine, self._index, self.scope, self.embedder(),
            rebuild=True, progress=progress,
        )  # fmt: skip
        return self._memory

    @property
    def _index(self) -> str | Path:
        return self.config.memory.index or self.folder / "index"

    def snapshot(self, version: int, adapter: str) -> Snapshot:
        """Return the memory as of a version, with what its lessons had proven to be worth then.

        Args:
            version: 0 is the empty memory.
            adapter: whose prompts it is for: a lesson that another one has internalised, and this
                one has not, is shown as well.
        """
        known = known_by(self.ledger, self.id, version)
        also = frozenset(name for name, by in known.items() if by != adapter)
        if (version, also) not in self._snapshots:
            snapshot = take_snapshot(
                self.ledger.engine, self.scope, self.embedder(), version, also=also
            )
            made: list[Any] = [one.payload for one in self.ledger.updates(self.id, kind="memory")]
            credit = [one["credit"] for one in made if one["version_after"] <= version]
            worth = {key: one["mean"] for key, one in credit[-1].items()} if credit else {}
            self._snapshots[version, also] = snapshot.with_utility(worth) if worth else snapshot
        return self._snapshots[version, also]

    def boilerplate(self) -> Boilerplate:
        """Return what all tasks of the first generation have in common; empty while it goes on."""
        if self._common is None:
            if not self.ledger.get_update(self.id, 1, "drafts"):
                return Boilerplate()
            played = self.ledger.episodes(self.id, generation=1, purpose="acquisition")
            faced = {one.task_id: f"{one.instruction}\n{one.first_observation}" for one in played}
            self._common = Boilerplate.of(faced.values())
        return self._common


def embedder_of(name: str) -> Embedder:
    """Return an embedder by its name in the settings; nothing is loaded yet."""
    from agentevo.memory import MiniLM, SentenceModel

    return MiniLM() if name == "minilm" else SentenceModel(name)
