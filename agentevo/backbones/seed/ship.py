"""Put trained weights into the package: `python -m agentevo.backbones.seed.ship DIR`.

Writes the model, its tokenizer and its hash; the model card beside them is written by hand.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from agentevo.backbones.seed.weights_file import FOLDER
from agentevo.files import sha256_of


def ship(source: Path, target: Path = FOLDER) -> str:
    """Write a trained model into the package; return its hash."""
    target.mkdir(parents=True, exist_ok=True)
    model = AutoModelForCausalLM.from_pretrained(source, dtype="bfloat16")
    model.save_pretrained(target)
    plan = json.loads((source / "plan.json").read_text())
    tokenizer = PreTrainedTokenizerFast.from_pretrained(source)
    tokenizer.model_max_length = plan["window"]  # no call that was trained on reads more
    tokenizer.save_pretrained(target)
    digest = sha256_of(target / "model.safetensors")
    (target / "SHA256").write_text(f"{digest}  model.safetensors\n")
    if (source / "log.jsonl").exists():
        shutil.copy(source / "log.jsonl", target / "training.jsonl")
    plan["start"] = Path(plan["start"]).name  # where it lay is of use on one machine only
    (target / "plan.json").write_text(json.dumps(plan, indent=1))
    return digest


def main() -> None:
    """Read the command line and ship."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    print(ship(parser.parse_args().source))


if __name__ == "__main__":
    main()
