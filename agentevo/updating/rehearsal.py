"""Rehearsal without old data: the plain model makes dialogues up itself, and answers them.

Self-synthesized rehearsal, Huang et al. 2024 (arXiv 2403.01244): a few dialogues as examples, from
which the model goes on to another user's message; its own answer to that is what is kept; of many,
those that differ most from one another are taken.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agentevo.updating.traces import Dialogue

N_EXAMPLES = 2
N_MORE = 2  # times as many are made up as are taken
TEMPERATURE = 0.9
MAX_MESSAGE = 160  # tokens of a message that is made up
MAX_REPLY = 96
N_AT_ONCE = 8


def made_up(
    weights: Path, examples: Sequence[Dialogue], n: int, *, window: int, seed: int
) -> list[Dialogue]:
    """Return dialogues that a model made up: a system's message, a user's, and its own reply.

    Args:
        weights: folder of the model.
        examples: dialogues to begin from; their first two messages are shown, and no reply.
        n: how many are wanted; fewer come back where the model says nothing.
        window: tokens that a prompt may have.
        seed: draws the examples and the sampling.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if not n or not examples:
        return []
    tokenizer = AutoTokenizer.from_pretrained(weights, local_files_only=True, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(weights, dtype="auto", local_files_only=True)
    model = model.to("cuda" if torch.cuda.is_available() else "cpu", torch.float32).eval()
    rng = random.Random(seed)
    torch.manual_seed(seed)
    found: list[Dialogue] = []
    for _ in range(-(-N_MORE * n // N_AT_ONCE)):
        shown = [
            rng.sample(list(examples), min(N_EXAMPLES, len(examples))) for _ in range(N_AT_ONCE)
        ]
        prompts = [_before_user(tokenizer, some, window - MAX_MESSAGE) for some in shown]
        messages = _go_on(model, tokenizer, prompts, MAX_MESSAGE, sample=True)
        heads = [
            [some[-1][0], {"role": "user", "content": text.strip()}]
            for some, text in zip(shown, messages, strict=True)
            if text.strip()
        ]
        if not heads:
            continue
        asked = [
            tokenizer.apply_chat_template(one, tokenize=False, add_generation_prompt=True)
            for one in heads
        ]
        replies = _go_on(model, tokenizer, asked, MAX_REPLY, sample=False)
        found += [
            [*head, {"role": "assistant", "content": reply.strip()}]
            for head, reply in zip(heads, replies, strict=True)
            if reply.strip()
        ]
    return _most_different(found, n, seed)


def _before_user(tokenizer: Any, some: Sequence[Dialogue], n_tokens: int) -> str:
    """Return examples as text, up to where another user's message begins."""
    mark = "\x00"
    told = [message for dialogue in some for message in dialogue[:2]]
    nothing = [some[-1][0], {"role": "user", "content": mark}]
    text: str = tokenizer.apply_chat_template([*told, *nothing], tokenize=False)
    text = text[: text.index(mark)]
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return str(tokenizer.decode(ids[-n_tokens:]))


def _go_on(
    model: Any, tokenizer: Any, texts: Sequence[str], n_most: int, *, sample: bool
) -> list[str]:
    """Return how the model goes on with some texts, up to the end of a message."""
    import torch

    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    batch = tokenizer(list(texts), return_tensors="pt", padding=True, add_special_tokens=False)
    batch = {name: batch[name].to(model.device) for name in ("input_ids", "attention_mask")}
    how = {"do_sample": True, "temperature": TEMPERATURE} if sample else {"do_sample": False}
    with torch.inference_mode():
        out = model.generate(
            **batch, max_new_tokens=n_most, pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id, **how,
        )  # fmt: skip
    ids = out[:, batch["input_ids"].shape[1] :]
    return list(tokenizer.batch_decode(ids, skip_special_tokens=True))


def _most_different(dialogues: Sequence[Dialogue], n: int, seed: int) -> list[Dialogue]:
    """Return one dialogue of each of `n` clusters by their words, the one nearest its middle."""
    import numpy as np
    from sklearn.cluster import KMeans
    from sklearn.feature_extraction.text import TfidfVectorizer

    unlike = list({one[1]["content"]: one for one in dialogues}.values())
    if len(unlike) <= n:
        return unlike
    vectors = TfidfVectorizer().fit_transform([one[1]["content"] for one in unlike])
    clusters = KMeans(n, n_init=1, random_state=seed).fit(vectors)
    distances = clusters.transform(vectors)
    nearest = {
        int(np.argmin(np.where(clusters.labels_ == i, distances[:, i], np.inf)))
        for i in range(n)
        if (clusters.labels_ == i).any()
    }
    return [unlike[i] for i in sorted(nearest)]
