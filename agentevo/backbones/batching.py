"""Loops that serve many dialogues with one model on this machine.

Every dialogue has a slot in a shared key-value cache. A request whose prompt begins with
what its slot already holds pays only for the new tokens. One call of the model serves all
requests: those whose prompt is still read, and those whose reply goes on, for its next token
and for those after it that were guessed right. Each loop runs in a thread of its own; a small
model is served by one a core, since its matrices are too small to be shared out among cores.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import PreTrainedModel

from agentevo.backbones.backbone import BackboneError
from agentevo.backbones.drafts import Drafts
from agentevo.backbones.slots import ATTENTION, SlotCache, Stretch

N_GUESSED = 5  # tokens of each reply that are guessed for one call of the model
LOOP = 96  # tokens of a reply that say the same over and over: it is cut there
LONGEST_LOOP = 32  # tokens that are said over and over
SMALL = 50_000_000  # parameters of a model that one core serves best
MOST_LOOPS = 4  # more would wait for each other in Python
CHUNK = 256  # tokens of a prompt that are read in one call of the model


@dataclass(frozen=True)
class Reply:
    """What the model generated."""

    ids: list[int]
    n_cached: int
    """Prompt tokens that were not read again."""
    finished: bool
    """False: cut at the most tokens allowed, or where it ran in a circle."""
    logprobs: list[float]
    """Log-probability of each token at temperature 1, that of the end included where it is
    reached; empty: not asked for."""


@dataclass
class Request:
    """A prompt to be continued."""

    session: str
    ids: list[int]
    max_tokens: int
    temperature: float
    seed: str
    with_logprobs: bool = False
    hear: Callable[[Sequence[int]], None] | None = None
    """Hears of the reply's tokens so far, in the loop's thread."""
    future: Future[Reply] = field(default_factory=Future)
    logprobs: list[float] = field(default_factory=list)
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


def n_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_a_circle(ids: Sequence[int]) -> bool:
    """Return whether the last `LOOP` tokens are one stretch of few tokens, over and over.

    Small models run on like that until they are cut; nothing comes of it but lost time.
    """
    last = list(ids[-LOOP:])
    if len(last) < LOOP:
        return False
    return any(last[n:] == last[:-n] for n in range(1, LONGEST_LOOP + 1))


class Batchers:
    """Serves requests with one model, by as many loops as suit it.

    Args:
        model: a causal language model of transformers, in evaluation mode.
        end: the token that ends a reply.
        n_positions: most tokens of a prompt and its reply together.
        n_slots: most requests at once; more wait.
    """

    def __init__(self, model: PreTrainedModel, end: int, n_positions: int, n_slots: int) -> None:
        """Start the loops."""
        model.set_attn_implementation(ATTENTION)
        is_small = model.device.type == "cpu" and model.num_parameters() < SMALL
        n_loops = min(n_cores(), n_slots, MOST_LOOPS) if is_small else 1
        each = -(-n_slots // n_loops)
        n_threads = n_cores() // n_loops
        self._loops = [Batcher(model, end, n_positions, each, n_threads) for _ in range(n_loops)]

    def submit(
        self, ids: Sequence[int], *, session: str, max_tokens: int, temperature: float, seed: str,
        with_logprobs: bool = False, hear: Callable[[Sequence[int]], None] | None = None,
    ) -> Future[Reply]:  # fmt: skip
        """Queue a prompt where its dialogue is known, or where least is to be done.

        A dialogue moves to another loop, which reads it anew, where its own has half as much
        again to do. The future holds the reply, or the error that ended the loop.
        """
        for loop in self._loops:
            if loop.broken is not None:
                raise BackboneError(f"the model broke earlier: {loop.broken}") from loop.broken
        best = min(self._loops, key=Batcher.load)
        own = next((loop for loop in self._loops if loop.knows(session)), best)
        if own.load() > 1.5 * best.load() + 0.5:
            own.forget(session)
            own = best
        request = Request(session, list(ids), max_tokens, temperature, seed, with_logprobs, hear)
        return own.submit(request)

    def close(self) -> None:
        """End the loops; requests that still run are cancelled."""
        for loop in self._loops:
            loop.close()


class Batcher:
    """One loop of `Batchers`; `n_threads` is how many cores one call of the model may use."""

    def __init__(
        self, model: PreTrainedModel, end: int, n_positions: int, n_slots: int, n_threads: int
    ) -> None:
        """Start the loop."""
        self._model = model
        self._n_threads = n_threads
        self._end = end
        self._cache = SlotCache(model, n_slots, n_positions)
        self._held: list[list[int]] = [[] for _ in range(n_slots)]
        self._sessions: list[str] = [""] * n_slots
        self._used: list[int] = [0] * n_slots
        self._clock = 0
        self._inbox: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._waiting: list[Request] = []
        self._running: list[Request] = []
        self.broken: Exception | None = None
        self._thread = threading.Thread(target=self._loop, name="batcher", daemon=True)
        self._thread.start()

    def load(self) -> int:
        """Return how many requests run or wait."""
        return len(self._running) + len(self._waiting) + self._inbox.qsize()

    def knows(self, session: str) -> bool:
        """Return whether a dialogue has a slot here."""
        return session in self._sessions

    def forget(self, session: str) -> None:
        """Give up a dialogue's slot; it is served elsewhere from now on."""
        with suppress(ValueError):  # another has just got the slot
            self._sessions[self._sessions.index(session)] = ""

    def submit(self, request: Request) -> Future[Reply]:
        """Queue a request."""
        self._inbox.put(request)
        return request.future

    def close(self) -> None:
        """End the loop; requests that still run are cancelled."""
        self._inbox.put(None)
        self._thread.join()

    def _loop(self) -> None:
        try:
            while self._collect():
                self._admit()
                with torch.inference_mode():
                    self._go_on()
        except Exception as error:
            self.broken = error
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
            if idle:  # a training may have set it otherwise meanwhile
                torch.set_num_threads(self._n_threads)
            if request is None:
                return False
            self._waiting.append(request)

    def _admit(self) -> None:
        """Give waiting requests free slots."""
        busy = {request.slot for request in self._running}
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
            self._running.append(request)

    def _call(self, parts: Mapping[int, list[int]]) -> torch.Tensor:
        """Run the model on new tokens of some slots; return hidden states (n, dim) in order."""
        device = self._model.device
        stretches: list[Stretch] = []
        ids: list[int] = []
        for slot, part in parts.items():
            start = len(self._held[slot])
            stretches.append(Stretch.of(slot, start, len(ids), len(part), self._cache.keys[0]))
            ids += part
        body: Any = self._model.base_model
        out = body(
            input_ids=torch.tensor([ids], device=device),
            attention_mask=torch.ones((1, 1, 1, 1), dtype=torch.bool, device=device),
            position_ids=self._cache.aim(stretches),
            past_key_values=self._cache,
            use_cache=True,
            stretches=stretches,
        )
        hidden: torch.Tensor = out.last_hidden_state[0]
        return hidden

    def _go_on(self) -> None:
        """Read on in every prompt; generate the next token of every reply, and guessed ones."""
        if not self._running:
            return
        limit = self._cache.n_positions
        parts: dict[int, list[int]] = {}
        guesses: dict[int, list[int]] = {}
        for request in self._running:
            unread = [*request.ids, *request.out][len(self._held[request.slot]) :]
            guesses[request.slot] = request.guess(limit) if len(unread) <= CHUNK else []
            parts[request.slot] = unread[:CHUNK] + guesses[request.slot]
        hidden = self._call(parts)
        places: list[int] = []  # of the tokens that the next ones are chosen after
        first = 0
        for request in self._running:
            part, n_guessed = parts[request.slot], len(guesses[request.slot])
            first += len(part)
            self._held[request.slot] += part[: len(part) - n_guessed]
            if len(self._held[request.slot]) == len(request.ids) + len(request.out):
                places += range(first - n_guessed - 1, first)
        head: Any = self._model.get_output_embeddings()
        logits = iter(head(hidden[places]).float().cpu())
        still: list[Request] = []
        done: list[tuple[Request, Reply]] = []
        for request in self._running:
            reply = None
            if len(self._held[request.slot]) == len(request.ids) + len(request.out):
                own = guesses[request.slot]
                scores = [next(logits) for _ in range(len(own) + 1)]
                reply = self._append(request, scores, own)
                if request.hear is not None:
                    request.hear(request.out)
            if reply is not None:
                done.append((request, reply))
            elif not request.future.cancelled():  # by a timeout, or because the run ends
                still.append(request)
        self._running = still  # before anybody is told, who may ask again at once
        for request, reply in done:
            with suppress(InvalidStateError):  # it was cancelled at this moment
                request.future.set_result(reply)

    def _append(
        self, request: Request, scores: list[torch.Tensor], guesses: list[int]
    ) -> Reply | None:
        """Choose tokens as long as the guesses are right; return the reply if it is whole.

        Args:
            request: whose reply goes on.
            scores: for the next token and for that after each guess, of shape (n_vocab,).
            guesses: one fewer than `scores`.
        """
        for raw, guess in zip(scores, [*guesses, None], strict=True):
            score = raw
            if request.generator is not None:
                noise = torch.rand(score.shape, generator=request.generator)
                score = score / request.temperature
                score = score - torch.log(-torch.log(noise.clamp(1e-9, 1 - 1e-7)))
            token = int(score.argmax())
            if request.with_logprobs:
                request.logprobs.append(float(raw[token] - raw.logsumexp(0)))
            if token != self._end:
                request.out.append(token)
                request.drafts.append(token)
            full = len(request.ids) + len(request.out) >= self._cache.n_positions
            full = full or len(request.out) >= request.max_tokens or in_a_circle(request.out)
            if token == self._end or full:
                return Reply(request.out, request.n_cached, token == self._end, request.logprobs)
            if token != guess:
                break
            self._held[request.slot].append(token)  # it was read already, as a guess
        return None
