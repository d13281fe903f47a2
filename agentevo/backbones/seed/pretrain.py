"""Make the seed backbone: `python -m agentevo.backbones.seed.pretrain --out DIR`.

Trains a small Llama from nothing on training worlds that are drawn while it trains, so that
no world is seen twice. Stops and resumes at any time: a checkpoint stands in DIR/checkpoint.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections import defaultdict
from dataclasses import asdict, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from agentevo.backbones.seed import attention
from agentevo.backbones.seed.batches import TENSORS, Batch, batches
from agentevo.backbones.seed.plan import Plan, drills_at, rate
from agentevo.backbones.seed.start import HEAD_DIM, start_copying
from agentevo.backbones.seed.tokenizer import train_tokenizer


def new_model(plan: Plan, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Return the model that training starts with, of the plan's size where it is new."""
    torch.manual_seed(plan.seed)
    if plan.start:
        return LlamaForCausalLM.from_pretrained(plan.start, dtype=torch.float32)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=plan.n_dim,
        intermediate_size=plan.n_dim * 8 // 3 // 32 * 32,
        num_hidden_layers=plan.n_layers,
        num_attention_heads=plan.n_heads,
        num_key_value_heads=plan.n_heads,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": plan.rope_theta},
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        attn_implementation="sdpa",
    )
    model = LlamaForCausalLM(config)
    if plan.n_dim // plan.n_heads == HEAD_DIM:
        start_copying(model, plan.seed)
    return model


def optimizers(model: LlamaForCausalLM, plan: Plan) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices inside the layers, and AdamW for all else."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    return [
        torch.optim.Muon(
            matrices,
            lr=plan.lr_matrices,
            weight_decay=plan.weight_decay,
            adjust_lr_fn="match_rms_adamw",
        ),
        torch.optim.AdamW(others, lr=plan.lr, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def token_losses(
    model: LlamaForCausalLM, body: Any, batch: Batch, device: str
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the loss, the weight and whether the best guess is right, of each learned token."""
    ids = batch.ids.to(device)
    weights = batch.weights.to(device)[:, 1:]
    with torch.autocast(device, torch.bfloat16):
        hidden = body(
            input_ids=ids,
            position_ids=batch.positions.to(device),
            attention_mask=batch.mask().to(device),
            use_cache=False,
        ).last_hidden_state[:, :-1]
        chosen = weights > 0
        logits = model.lm_head(hidden[chosen]).float()
    targets = ids[:, 1:][chosen]
    losses = F.cross_entropy(logits, targets, reduction="none")
    return losses, weights[chosen], logits.detach().argmax(-1) == targets


@torch.no_grad()
def probe(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, plan: Plan, device: str
) -> dict[str, float]:
    """Return the share of right tokens by name, on worlds that training never draws."""
    source = batches(tokenizer, plan, seed=-1, at_step=plan.n_steps)
    right: dict[str, list[float]] = defaultdict(list)
    for batch in chain(*islice(source, 8)):
        _, _, hits = token_losses(model, model.model, batch, device)
        chosen = batch.weights[:, 1:] > 0
        names = [batch.names[i][j + 1] for i, j in chosen.nonzero().tolist()]
        for name, hit in zip(names, hits.tolist(), strict=True):
            right[name].append(hit)
    return {name: round(sum(hits) / len(hits), 4) for name, hits in sorted(right.items())}


def _feed(
    queue: Any, tokenizer: PreTrainedTokenizerFast, plan: Plan, rank: int, at_step: int
) -> None:
    torch.set_num_threads(1)
    for pair in batches(tokenizer, plan, seed=rank, at_step=at_step):
        queue.put([[getattr(batch, name).numpy() for name in TENSORS] for batch in pair])


def _average(model: LlamaForCausalLM, ranks: int, *, late: bool) -> bool:
    """Average the gradients over the ranks; return whether any rank says that it is late."""
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([*(grad.flatten() for grad in grads), torch.tensor([float(late)])])
    dist.all_reduce(flat)
    any_late = bool(flat[-1] > 0)
    flat /= ranks
    at = 0
    for grad in grads:
        grad.copy_(flat[at : at + grad.numel()].view_as(grad))
        at += grad.numel()
    return any_late


def _rank(
    rank: int, ranks: int, store: str, out: Path, plan: Plan, options: dict[str, Any]
) -> None:
    """Train as one of several processes, each with its own share of a step's tokens."""
    torch.set_num_threads(1)
    if ranks > 1:
        dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=ranks)
    train(out, plan, rank=rank, ranks=ranks, **options)


def train(
    out: Path, plan: Plan, *, compiled: bool, minutes: float | None, rank: int = 0, ranks: int = 1
) -> None:
    """Train, or go on training, into a folder.

    Args:
        out: gets the model (as a Hugging Face folder), the checkpoint and `log.jsonl`.
        plan: what to train.
        compiled: whether to compile the model (needs a C++ compiler; about twice as fast).
        minutes: stop after so many; the checkpoint goes on from there. None: no limit.
        rank: which of the processes that train together this is; only the first writes.
        ranks: how many train together. On a CPU, processes of one thread each are faster than
            one of several threads, since the model's operations are small.
    """
    share = replace(plan, tokens_per_step=plan.tokens_per_step // ranks)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = PreTrainedTokenizerFast.from_pretrained(out)
    model = new_model(plan, tokenizer).to(device)
    if device == "cpu":
        model.set_attn_implementation(attention.NAME)
    optims = optimizers(model, plan)
    step = 0
    saved = out / "checkpoint"
    if saved.exists():
        state = torch.load(saved, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        for optim, kept in zip(optims, state["optims"], strict=True):
            optim.load_state_dict(kept)
        step = state["step"]
    body = torch.compile(model.model, dynamic=False) if compiled else model.model
    context = mp.get_context("spawn")
    queue = context.Queue(maxsize=16)
    feeder = context.Process(target=_feed, args=(queue, tokenizer, share, rank, step), daemon=True)
    feeder.start()
    began, n_tokens, running = time.time(), 0, 0.0
    late, parent = False, mp.parent_process()
    while step < plan.n_steps and not late:
        drilled, _ = drills_at(step / plan.n_steps, fresh=not plan.start)
        loss = 0.0
        for arrays, part in zip(queue.get(), (1 - drilled, drilled), strict=True):
            tensors = dict(zip(TENSORS, map(torch.from_numpy, arrays), strict=True))
            batch = Batch(**tensors, names=[])
            losses, token_weights, _ = token_losses(model, body, batch, device)
            partial = part * (losses * token_weights).sum() / token_weights.sum()
            partial.backward()  # type: ignore[no-untyped-call]
            loss += partial.item()
            n_tokens += batch.ids.numel() * ranks
        late = minutes is not None and time.time() - began > 60 * minutes
        late = late or (parent is not None and not parent.is_alive())  # it was killed
        if ranks > 1:
            late = _average(model, ranks, late=late)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optim, base in zip(optims, (plan.lr_matrices, plan.lr), strict=True):
            for group in optim.param_groups:
                group["lr"] = base * rate(step, plan)
            optim.step()
            optim.zero_grad()
        step += 1
        running = 0.95 * running + 0.05 * loss if running else loss
        if rank == 0 and step % 20 == 0:
            speed = n_tokens / (time.time() - began)
            print(f"step {step}/{plan.n_steps} loss {running:.4f} {speed:.0f} tokens/s", flush=True)
        if rank == 0 and (step % 200 == 0 or step == plan.n_steps):
            row = {"step": step, "loss": round(running, 4), "minutes": (time.time() - began) / 60}
            row |= probe(model, tokenizer, plan, device)
            print(json.dumps(row), flush=True)
            with (out / "log.jsonl").open("a") as log:
                log.write(json.dumps(row) + "\n")
            save(out, model, optims, step, plan)
    if rank == 0:
        save(out, model, optims, step, plan)
    feeder.kill()


def save(
    out: Path,
    model: LlamaForCausalLM,
    optims: list[torch.optim.Optimizer],
    step: int,
    plan: Plan,
) -> None:
    """Write the checkpoint and the model, each whole or not at all."""
    state = {
        "model": model.state_dict(), "optims": [o.state_dict() for o in optims], "step": step
    }  # fmt: skip
    torch.save(state, out / "checkpoint.new")
    (out / "checkpoint.new").replace(out / "checkpoint")
    half = LlamaForCausalLM(model.config).to(torch.bfloat16)
    half.load_state_dict(model.state_dict())
    half.save_pretrained(out)
    (out / "plan.json").write_text(json.dumps(asdict(plan), indent=1))


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--ranks", type=int, default=1 if torch.cuda.is_available() else 2)
    for name, value in asdict(Plan()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    args = vars(parser.parse_args())
    out, ranks = args.pop("out"), args.pop("ranks")
    options = {"minutes": args.pop("minutes"), "compiled": not args.pop("no_compile")}
    plan = Plan(**args)
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "tokenizer.json").exists():
        tokenizer = (
            PreTrainedTokenizerFast.from_pretrained(plan.start)
            if plan.start
            else train_tokenizer(4000, plan.n_vocab, plan.seed)
        )
        tokenizer.save_pretrained(out)
        earlier = Path(plan.start) / "training.jsonl"
        if plan.start and earlier.exists():  # the course goes on where the start's ended
            shutil.copy(earlier, out / "log.jsonl")
    if ranks == 1:
        train(out, plan, **options)
        return
    store = str(out.resolve() / "rendezvous")
    Path(store).unlink(missing_ok=True)
    context = mp.get_context("spawn")
    processes = [
        context.Process(target=_rank, args=(rank, ranks, store, out, plan, options))
        for rank in range(ranks)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


if __name__ == "__main__":
    main()
