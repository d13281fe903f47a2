"""The seed backbone's tokenizer: byte-level BPE over training worlds, and its chat template."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from agentevo.backbones.seed.mixture import draw_samples
from agentevo.backbones.seed.samples import Message, Sample

ROLES = ("system", "user", "assistant")
END = "<|end|>"
PAD = "<|pad|>"
SPECIAL = [PAD, END, *(f"<|{role}|>" for role in ROLES)]

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "<|{{ message['role'] }}|>"
    "{%- if message['role'] == 'assistant' -%}"
    "{% generation %}{{ message['content'] }}<|end|>{% endgeneration %}"
    "{%- else -%}{{ message['content'] }}<|end|>{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}<|assistant|>{%- endif -%}"
)


def train_tokenizer(n_items: int, n_tokens: int, seed: int = 0) -> PreTrainedTokenizerFast:
    """Train the tokenizer on `n_items` drawn training items to a vocabulary of `n_tokens`."""
    bpe = Tokenizer(models.BPE())
    bpe.normalizer = same_at_line_starts()
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=n_tokens,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=3,
        show_progress=False,
    )
    bpe.train_from_iterator(_texts(n_items, seed), trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token=PAD, eos_token=END, clean_up_tokenization_spaces=False
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def same_at_line_starts() -> normalizers.Normalizer:
    """Return what puts a space before each word that begins a line.

    Without it a word that the vocabulary lacks is cut otherwise at the start of a line, as in
    a list of ingredients, than after a space, and cannot be copied token by token.
    """
    return normalizers.Replace(Regex("\n(?=[a-z])"), "\n ")


def _texts(n_items: int, seed: int) -> Iterator[str]:
    rng = random.Random(seed)
    for _ in range(n_items):
        for sample in draw_samples(rng, 1_000_000, len, drilled=rng.random() < 0.1):
            for message in chain(sample.trunk, *(branch.messages for branch in sample.branches)):
                yield message.text


@dataclass
class Encoded:
    """A sample as tokens: the trunk, then the branches; all lists have the same length."""

    ids: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    """Loss weights; 0 for what is only read."""
    names: list[str] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    """In the dialogue that the branch belongs to."""
    n_seen: list[int] = field(default_factory=list)
    """Tokens of the trunk that are seen."""
    branches: list[int] = field(default_factory=list)
    """0 for the trunk; a token sees its own branch as far as itself, and of the others nothing."""


def encode(sample: Sample, tokenizer: PreTrainedTokenizerFast) -> Encoded:
    """Return a sample as tokens.

    The end mark of a weighted message is learned with the weight of its last piece. The
    pieces of a message are encoded one by one, which gives the tokens of the whole because
    no token reaches over a space.
    """
    found = Encoded()
    ends = [0]
    for message in sample.trunk:
        _append(found, message, tokenizer)
        ends.append(len(found.ids))
    found.positions = list(range(ends[-1]))
    found.n_seen = [i + 1 for i in found.positions]
    found.branches = [0] * ends[-1]
    for number, branch in enumerate(sample.branches, 1):
        before, seen = len(found.ids), ends[branch.after]
        for message in branch.messages:
            _append(found, message, tokenizer)
        n = len(found.ids) - before
        found.positions += range(seen, seen + n)
        found.n_seen += [seen] * n
        found.branches += [number] * n
    return found


def _append(found: Encoded, message: Message, tokenizer: PreTrainedTokenizerFast) -> None:
    found.ids.append(tokenizer.convert_tokens_to_ids(f"<|{message.role}|>"))
    found.weights.append(0.0)
    found.names.append("")
    weight, name = 0.0, ""
    for text, weight, name in message.pieces:
        new = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
        found.ids += new
        found.weights += [weight] * len(new)
        found.names += [name] * len(new)
    found.ids.append(tokenizer.convert_tokens_to_ids(END))
    found.weights.append(weight)
    found.names.append(name)
