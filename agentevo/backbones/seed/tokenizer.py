"""The seed backbone's tokenizer: byte-level BPE over training worlds, and its chat template."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from agentevo.backbones.seed.samples import Sample, draw_samples

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


def _texts(n_items: int, seed: int) -> Iterator[str]:
    rng = random.Random(seed)
    for _ in range(n_items):
        for sample in draw_samples(rng, 1_000_000, len, p_drill=0.1):
            for message in sample.messages:
                yield message.text


def encode(
    sample: Sample, tokenizer: PreTrainedTokenizerFast
) -> tuple[list[int], list[float], list[str]]:
    """Return a sample's token ids, with each one's loss weight and name.

    The end mark of a weighted message is learned with the weight of its last piece. The
    pieces of a message are encoded one by one, which gives the tokens of the whole because
    no token reaches over a space.
    """
    ids: list[int] = []
    weights: list[float] = []
    names: list[str] = []
    end = tokenizer.convert_tokens_to_ids(END)
    for message in sample.messages:
        ids.append(tokenizer.convert_tokens_to_ids(f"<|{message.role}|>"))
        weights.append(0.0)
        names.append("")
        weight, name = 0.0, ""
        for text, weight, name in message.pieces:
            new = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
            ids += new
            weights += [weight] * len(new)
            names += [name] * len(new)
        ids.append(end)
        weights.append(weight)
        names.append(name)
    return ids, weights, names
