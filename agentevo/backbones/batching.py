"""One loop that serves many dialogues with one model on this machine.

Every dialogue has a slot in a shared key-value cache. A request whose prompt begins with
what its slot already holds pays only for the new tokens, and the decoding of all running
requests is one call of the model for their next token, and for those after it that were
guessed right. The loop runs in a thread of its own.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import Cache, PreTrainedModel

from agentevo.backbones.backbone import BackboneError
from agentevo.backbones.drafts import Drafts

IDLE_TOO = 0.5  # with more slots than this share running, all decode: no cache is copied then
N_GUESSED = 5  # tokens of each reply that are guessed for one call of the model
LOOP = 96  # tokens of a reply that say the same over and over: it is cut there
LONGEST_LOOP = 32  # tokens that are said over and over
CHUNK = 256  # prompt tokens of one request that are read in one call of the model


@dataclass(frozen=True)
class Reply:
    """What the model generated."""

    ids: list[int]
    n_cached: int
    """Prompt tokens that were not read again."""
    finished: bool
    """False: cut at the most tokens allowed, or where it ran in a circle."""


@dataclass
class Request:
    """A prompt to be continued."""

    session: str
    ids: list[int]
    max_tokens: int
    temperature: float
    seed: str
    future: Future[Reply]
    out: list[int] = field(default_factory=list)
    n_cached: int = 0
    slot: int = -1
    generator: torch.Generator | None = None
    drafts: Drafts = field(init=False)

    def __post_init__(self) -> None:
        """Read the prompt for guesses at the reply."""
        self.drafts = Drafts(self.ids)

    def guess(self, n_positions: int) -> list[int]:
        """Return guesses at the next tokens, fewer where the reply or the window ends."""
        room = min(self.max_tokens, n_positions - len(self.ids)) - len(self.out) - 1
        return self.drafts.guess(min(N_GUESSED, room)) if room > 0 else []


def in_a_circle(ids: Sequence[int]) -> bool:
    """Return whether the last `LOOP` tokens are one stretch of few tokens, over and over.

    Small models run on like that until they are cut; nothing comes of it but lost time.
    """
    last = list(ids[-LOOP:])
    if len(last) < LOOP:
        return False
    return any(last[n:] == last[:-n] for n in range(1, LONGEST_LOOP + 1))


class SlotCache(Cache):  # type: ignore[misc]
    """Key-value cache with a row a slot, each with a length of its own.

    Tensors of shape (n_slots, n_heads, n_positions, head_dim), one pair a layer. Before each
    call of the model `aim` says which rows take part and where their new tokens go. Where all
    rows take part, in order, nothing is copied.
    """

    def __init__(self, model: PreTrainedModel, n_slots: int, n_positions: int) -> None:
        """Make room for all slots at once."""
        super().__init__(layers=[])
        config = model.config
        heads = config.num_key_value_heads
        dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        shape = (n_slots, heads, n_positions, dim)
        n_layers = config.num_hidden_layers
        options = {"dtype": model.dtype, "device": model.device}
        self.keys = [torch.zeros(shape, **options) for _ in range(n_layers)]
        self.values = [torch.zeros(shape, **options) for _ in range(n_layers)]

    def aim(self, rows: torch.Tensor, positions: torch.Tensor, n_seen: int) -> None:
        """Set rows (n_rows,), positions (n_rows, n_new) and how many positions are looked at."""
        self._rows, self._positions, self._n_seen = rows, positions, n_seen

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        layer_idx: int,
        *args: object,
        **kwargs: object,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new keys and values (n_rows, n_heads, n_new, head_dim); return all."""
        both = []
        for store, new in (
            (self.keys[layer_idx], key_states),
            (self.values[layer_idx], value_states),
        ):
            store[self._rows[:, None], :, self._positions] = new.transpose(1, 2)
            seen = store[:, :, : self._n_seen]
            both.append(seen if len(self._rows) == len(seen) else seen[self._rows])
        return both[0], both[1]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return 0: positions and mask are given with each call."""
        return 0


class Batcher:
    """Serves requests with one model.

    Args:
        model: a causal language model of transformers, in evaluation mode.
        end: the token that ends a reply.
        n_positions: most tokens of a prompt and its reply together.
        n_slots: most requests at once; more wait.
    """

    def __init__(self, model: PreTrainedModel, end: int, n_positions: int, n_slots: int) -> None:
        """Start the loop."""
        self._model = model
        self._end = end
        self._cache = SlotCache(model, n_slots, n_positions)
        self._held: list[list[int]] = [[] for _ in range(n_slots)]
        self._sessions: list[str] = [""] * n_slots
        self._used: list[int] = [0] * n_slots
        self._clock = 0
        self._inbox: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._waiting: list[Request] = []
        self._running: list[Request] = []
        self._broken: Exception | None = None
        self._thread = threading.Thread(target=self._loop, name="batcher", daemon=True)
        self._thread.start()

    def submit(
        self, ids: Sequence[int], *, session: str, max_tokens: int, temperature: float, seed: str
    ) -> Future[Reply]:
        """Queue a prompt; the future holds the reply, or the error that ended the loop."""
        future: Future[Reply] = Future()
        if self._broken is not None:
            raise BackboneError(f"the model broke earlier: {self._broken}") from self._broken
        self._inbox.put(Request(session, list(ids), max_tokens, temperature, seed, future))
        return future

    def close(self) -> None:
        """End the loop; requests that still run are cancelled."""
        self._inbox.put(None)
        self._thread.join()

    def _loop(self) -> None:
        try:
            while self._collect():
                self._admit()
                with torch.inference_mode():
                    self._decode()
        except Exception as error:
            self._broken = error
            while not self._inbox.empty():
                if (request := self._inbox.get()) is not None:
                    self._waiting.append(request)
            for request in [*self._running, *self._waiting]:
                with suppress(InvalidStateError):
                    request.future.set_exception(error)
            return
        for request in [*self._running, *self._waiting]:
            request.future.cancel()

    def _collect(self) -> bool:
        """Take in what was submitted, waiting when idle; False: time to end."""
        while True:
            idle = not self._running and not self._waiting
            try:
                request = self._inbox.get(block=idle)
            except queue.Empty:
                return True
            if request is None:
                return False
            self._waiting.append(request)

    def _admit(self) -> None:
        """Give waiting requests free slots and read their prompts."""
        busy = {request.slot for request in self._running}
        fresh: list[Request] = []
        while self._waiting and len(busy) < len(self._held):
            request = self._waiting.pop(0)
            if request.future.cancelled():
                continue
            free = [slot for slot in range(len(self._held)) if slot not in busy]
            own = [slot for slot in free if self._sessions[slot] == request.session]
            request.slot = own[0] if own else min(free, key=lambda slot: self._used[slot])
            busy.add(request.slot)
            self._clock += 1
            self._used[request.slot] = self._clock
            self._sessions[request.slot] = request.session
            held = self._held[request.slot]
            n = 0
            limit = min(len(held), len(request.ids) - 1)  # the last token is always read
            while n < limit and held[n] == request.ids[n]:
                n += 1
            request.n_cached = n
            del held[n:]
            if request.temperature > 0:
                digest = hashlib.sha256(request.seed.encode()).digest()
                request.generator = torch.Generator().manual_seed(
                    int.from_bytes(digest[:8], "big") >> 1
                )
            fresh.append(request)
        self._running += fresh
        if fresh:
            with torch.inference_mode():
                self._read(fresh)

    def _read(self, fresh: list[Request]) -> None:
        """Read the prompts up to their last token, which decoding takes up."""
        while True:
            todo = [r for r in fresh if len(self._held[r.slot]) < len(r.ids) - 1]
            if not todo:
                break
            parts = []
            for request in todo:
                start = len(self._held[request.slot])
                parts.append(request.ids[start : min(start + CHUNK, len(request.ids) - 1)])
            self._call([r.slot for r in todo], parts)
            for request, part in zip(todo, parts, strict=True):
                self._held[request.slot] += part

    def _call(self, slots: list[int], parts: list[list[int]]) -> torch.Tensor:
        """Run the model on new tokens of some slots; return hidden states (n_rows, n_new, dim)."""
        device = self._model.device
        n_new = max(len(part) for part in parts)
        starts = torch.tensor([len(self._held[slot]) for slot in slots], device=device)
        ids = torch.zeros((len(slots), n_new), dtype=torch.long)
        for row, part in enumerate(parts):
            ids[row, : len(part)] = torch.tensor(part)
        limit = self._cache.keys[0].shape[2]
        positions = (starts[:, None] + torch.arange(n_new, device=device)).clamp(max=limit - 1)
        n_seen = min(int(starts.max()) + n_new, limit)
        mask = torch.arange(n_seen, device=device)[None, None, :] <= positions[:, :, None]
        self._cache.aim(torch.tensor(slots, device=device), positions, n_seen)
        body: Any = self._model.base_model
        out = body(
            input_ids=ids.to(device),
            attention_mask=mask[:, None],
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
        )
        hidden: torch.Tensor = out.last_hidden_state
        return hidden

    def _decode(self) -> None:
        """Generate the next token of every running request, and those that were guessed right."""
        if not self._running:
            return
        limit = self._cache.keys[0].shape[2]
        guesses = {r.slot: r.guess(limit) for r in self._running}
        parts = {r.slot: [(r.out or r.ids)[-1], *guesses[r.slot]] for r in self._running}
        slots = list(parts)
        if len(slots) > IDLE_TOO * len(self._held):  # idle rows: what they write is written over
            slots = list(range(len(self._held)))
        hidden = self._call(slots, [parts.get(slot, [self._end]) for slot in slots])
        places = [(slots.index(slot), j) for slot, part in parts.items() for j in range(len(part))]
        rows, columns = torch.tensor(places).unbind(1)
        head: Any = self._model.get_output_embeddings()
        logits = iter(head(hidden[rows, columns]).float().cpu())
        still = []
        for request in self._running:
            scores = [next(logits) for _ in parts[request.slot]]
            reply = self._append(request, scores, guesses[request.slot], limit)
            if reply is not None:
                with suppress(InvalidStateError):  # it was cancelled at this moment
                    request.future.set_result(reply)
            elif not request.future.cancelled():  # by a timeout, or because the run ends
                still.append(request)
        self._running = still

    def _append(
        self, request: Request, scores: list[torch.Tensor], guesses: list[int], limit: int
    ) -> Reply | None:
        """Choose tokens as long as the guesses are right; return the reply if it is whole.

        Args:
            request: whose reply goes on.
            scores: for the next token and for that after each guess, of shape (n_vocab,).
            guesses: one fewer than `scores`.
            limit: most tokens of prompt and reply.
        """
        for score, guess in zip(scores, [*guesses, None], strict=True):
            self._held[request.slot].append((request.out or request.ids)[-1])
            if request.generator is not None:
                noise = torch.rand(score.shape, generator=request.generator)
                score = score / request.temperature
                score = score - torch.log(-torch.log(noise.clamp(1e-9, 1 - 1e-7)))
            token = int(score.argmax())
            if token != self._end:
                request.out.append(token)
                request.drafts.append(token)
            full = len(request.ids) + len(request.out) >= limit
            full = full or len(request.out) >= request.max_tokens or in_a_circle(request.out)
            if token == self._end or full:
                return Reply(request.out, request.n_cached, token == self._end)
            if token != guess:
                break
        return None
