"""What the seed backbone gets wrong in training worlds and in drills, reply by reply.

A wrong token is printed as `[right|said]`. The worlds are none that training draws.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from agentevo.backbones.seed import attention
from agentevo.backbones.seed.batches import pad
from agentevo.backbones.seed.drills import draw_drill
from agentevo.backbones.seed.plan import Plan
from agentevo.backbones.seed.samples import episode_samples
from agentevo.backbones.seed.tokenizer import encode
from agentevo.backbones.seed.weights_file import FOLDER


def main(argv: Sequence[str] | None = None) -> None:
    """Read episodes with the expert's replies, and compare with what the model would say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=FOLDER)
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--drills", type=int, default=200)
    parser.add_argument("--show", type=int, default=20, help="replies to print")
    args = parser.parse_args(argv)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(args.model)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32)
    model.set_attn_implementation(attention.NAME)

    def count(text: str) -> int:
        return len(tokenizer(text, add_special_tokens=False)["input_ids"]) + 2

    rng, window = random.Random("errors"), Plan().window
    tokens: dict[str, list[bool]] = defaultdict(list)
    calls: dict[str, list[bool]] = defaultdict(list)
    episodes = (episode_samples(rng, window, count) for _ in range(args.episodes))
    drills = ([draw_drill(rng)] for _ in range(args.drills))
    for samples in chain(episodes, drills):
        for sample in samples:
            drilled = sample.kind not in ("told", "untold")
            row = encode(sample, tokenizer)
            batch = pad([row], len(row.ids), tokenizer.pad_token_id)
            with torch.no_grad():
                logits = model(
                    input_ids=batch.ids, position_ids=batch.positions,
                    attention_mask=batch.mask(), use_cache=False,
                ).logits[0]  # fmt: skip
            said = logits.argmax(-1).tolist()
            for number in range(1, len(sample.branches) + 1):
                learned = [
                    i for i, one in enumerate(row.branches) if one == number and row.weights[i]
                ]
                hits = [said[i - 1] == row.ids[i] for i in learned]
                for i, hit in zip(learned, hits, strict=True):
                    name = row.names[i]
                    if name in ("presence", "state"):  # by what is right: guessing shows so
                        name += f", {tokenizer.decode([row.ids[i]]).strip()}"
                    tokens[f"{sample.kind}: {name}" if drilled else name].append(hit)
                calls[sample.kind].append(all(hits))
                if args.show > 0:
                    args.show -= 1
                    texts = [tokenizer.decode([row.ids[i]]) for i in learned]
                    wrong = [tokenizer.decode([said[i - 1]]) for i in learned]
                    marked = [
                        right if hit else f"[{right}|{other}]"
                        for right, other, hit in zip(texts, wrong, hits, strict=True)
                    ]
                    print("".join(marked), "\n")
    table = Table("of", "right", "n")
    for name, found in [*sorted(tokens.items()), *((f"calls, {k}", v) for k, v in calls.items())]:
        table.add_row(name, f"{sum(found) / len(found):.3f}", str(len(found)))
    Console().print(table)


if __name__ == "__main__":
    main()
