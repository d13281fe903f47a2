"""Recall and insertion: what is found, and how fast, beside raw Chroma and exact search.

Lessons and queries are made of two lists of words, so nothing of any benchmark is in them.
Vectors of the fast part are random directions around topics: what is timed does not depend on
what they mean. What is found is measured with the memory's own embedder.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import chromadb
import numpy as np
from chromadb.config import Settings
from conditions import write
from rich.console import Console
from rich.table import Table

from agentevo.memory import Lesson, Memory, MiniLM, Provenance, RecallSettings, connect
from agentevo.memory.embedding import Vectors

THINGS = [
    "invoice",
    "printer",
    "ladder",
    "bicycle",
    "violin",
    "aquarium",
    "passport",
    "telescope",
    "vineyard",
    "glacier",
    "tractor",
    "mosaic",
    "harbour",
    "beehive",
    "sculpture",
    "pendulum",
    "cathedral",
    "orchid",
    "submarine",
    "typewriter",
    "lighthouse",
    "carpet",
    "chimney",
    "compass",
    "greenhouse",
    "helmet",
    "island",
    "jacket",
    "kettle",
    "lantern",
    "mirror",
    "needle",
    "oyster",
    "parachute",
    "quilt",
    "raft",
    "saddle",
    "tunnel",
    "umbrella",
    "volcano",
    "wagon",
    "xylophone",
    "yacht",
    "zipper",
    "anvil",
    "balcony",
    "candle",
    "dungeon",
    "elevator",
    "fountain",
]
DEEDS = [
    "repair",
    "paint",
    "sell",
    "borrow",
    "clean",
    "measure",
    "hide",
    "lift",
    "photograph",
    "insure",
    "inspect",
    "deliver",
    "decorate",
    "dismantle",
    "polish",
    "auction",
    "rent",
    "pack",
    "store",
    "weigh",
    "describe",
    "count",
    "test",
    "replace",
    "order",
    "label",
    "register",
    "donate",
    "assemble",
    "restore",
]
FOREIGN = (  # none is about one of the things
    "what is the boiling point of nitrogen", "who wrote the tale of the three kingdoms",
    "solve x squared minus five x plus six", "translate good morning into Welsh",
    "the capital of Mongolia and its population", "why do stars twinkle at night",
    "how many players has a rugby team", "the chemical formula of table salt",
    "when did the Roman republic end", "name the longest river of Asia",
    "convert ten miles to kilometres", "the plot of Hamlet in two sentences",
    "which planet has the most moons", "define the word ephemeral",
    "the rules of offside in football", "how does photosynthesis work",
    "the square root of two hundred", "list the noble gases", "what causes tides",
    "who painted the ceiling of the Sistine chapel",
    # the first threshold was chosen with those above; what follows came after
    "the year in which the Berlin wall fell", "how long is a marathon in kilometres",
    "what does the heart do in the body", "prove that there are infinitely many primes",
    "the difference between weather and climate", "who discovered penicillin",
    "sort a list of numbers in Python", "what is the speed of light",
    "the rhyme scheme of a sonnet", "how do vaccines work", "why is the sky blue",
    "the exchange rate of the yen last week", "what is a black hole", "name three Greek gods",
    "the anthem of France", "how many bones has an adult", "the integral of one over x",
    "who wrote War and Peace", "what causes inflation", "the tallest mountain of Africa",
    "conjugate the French verb to be", "how does a jury reach its verdict",
    "the half-life of carbon fourteen", "which vitamins are in spinach",
    "when does Ramadan begin", "the first man on the moon", "define entropy",
    "how are pearls of wisdom different from proverbs", "the currency of Brazil",
    "explain the trolley problem", "the offspring of a horse and a donkey",
    "how deep is the Mariana trench", "what is compound interest",
    "name the parts of a flower", "who was the first emperor of China",
    "the symptoms of the flu", "how many strings has a cello", "what does GDP stand for",
    "the boiling point of water on Everest", "translate thank you into Japanese",
    # and this after a word in common was asked for, too
    "how does a refrigerator keep food cold", "who invented the telephone",
    "the plural of octopus", "what is the meaning of the word stoic", "why do cats purr",
    "the rules for castling in chess", "how old is the universe", "name a prime above ninety",
    "which languages are spoken in Belgium", "what is the third law of motion",
    "how is cheese made", "the death of Socrates", "what does a catalyst do",
    "how many states has Australia", "is a tomato a fruit", "the cause of the First World War",
    "which animals lay eggs", "the meaning of habeas corpus", "how do ants find their way",
    "what is the Turing test", "who sang Yesterday", "the flag of Norway",
    "how much sleep does a child need", "what is a haiku", "name the oceans",
    "the derivative of the sine", "how does a bill become a law", "what is dark matter",
    "the capital of New Zealand", "why do leaves turn red in autumn",
    "how are sedimentary rocks classified", "the story of Noah and the flood",
    "which metals are magnetic", "what is a mortgage", "how far is the sun",
    "the winner of the last world cup", "what is the golden ratio", "how do fish breathe",
    "name a poem by Goethe", "what is the opposite of humble",
)  # fmt: skip


class Directions:
    """Random directions around topics, the same for the same text: no model."""

    name, dimension = "directions-384", 384

    def __init__(self) -> None:
        """Know no text yet."""
        self.known: dict[str, Vectors] = {}
        """Texts whose vectors are at hand, so that they are not made while it is timed."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, (n, 384): a topic's direction, and some noise of the text's own."""
        if self.known.keys() >= set(texts):
            return np.stack([self.known[text] for text in texts])
        rows = []
        for text in texts:
            seeds = [hashlib.sha256(part.encode()).digest()[:8] for part in (text[-12:], text)]
            topic, own = (np.random.default_rng(list(seed)).standard_normal(384) for seed in seeds)
            rows.append(topic + 0.7 * own)
        found = np.array(rows, dtype=np.float32).reshape(-1, 384)
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        return found


def lesson(situation: str, advice: str) -> Lesson:
    """Return a lesson of no source."""
    return Lesson(situation, advice, "perf", (Provenance("perf"),))


def found_at_k(n_distractors: int, k: int) -> dict[str, float]:
    """Return how often a planted lesson is recalled, and how often anything for foreign queries."""
    rng = random.Random(0)
    pairs = [(deed, thing) for deed in DEEDS for thing in THINGS]
    rng.shuffle(pairs)
    planted, others = pairs[:100], pairs[100 : 100 + n_distractors]
    with tempfile.TemporaryDirectory() as folder:
        engine = connect(Path(folder) / "log.db")
        with Memory(engine, Path(folder) / "index", "perf", MiniLM()) as memory:
            memory.insert(
                [lesson(f"you have to {deed} a {thing}", f"note {i} applies")
                 for i, (deed, thing) in enumerate([*planted, *others])], who="perf",
            )  # fmt: skip
            settings = RecallSettings(n_lessons=k, n_tokens=10_000)
            hits = 0
            for deed, thing in planted:
                query = rng.choice(
                    [f"Your task today is to {deed} the old {thing} that was left here.",
                     f"Somebody asks you to {deed} a {thing} before evening."]
                )  # fmt: skip
                wanted = f"you have to {deed} a {thing}"
                recalled = memory.recall(query, settings).injected
                hits += any(one.situation == wanted for one in recalled)
            wrong = sum(bool(memory.recall(query, settings).injected) for query in FOREIGN)
        engine.dispose()
    return {
        "n_lessons": 100 + len(others), "k": k, "hit_rate": hits / len(planted),
        "wrong_rate": wrong / len(FOREIGN),
    }  # fmt: skip


def p50(n: int, **calls: Callable[[int], object]) -> dict[str, float]:
    """Return the median times of calls in milliseconds, each called in turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for i in range(n):
        for name, call in calls.items():
            began = time.perf_counter()
            call(i)
            times[name].append(1000 * (time.perf_counter() - began))
    return {name: statistics.median(some) for name, some in times.items()}


def speeds(n: int, n_queries: int = 200) -> dict[str, float]:
    """Return median times in ms at n lessons: ours, raw Chroma, exact search, and an insertion."""
    embedder = Directions()
    texts = [f"situation {i} of topic-{i % 997:06d}" for i in range(n)]
    queries = [f"question {i} of topic-{(7 * i) % 997:06d}" for i in range(n_queries)]
    with tempfile.TemporaryDirectory() as folder:
        engine = connect(Path(folder) / "log.db")
        with Memory(engine, Path(folder) / "index", "perf", embedder) as memory:
            for start in range(0, n, 5000):
                part = [lesson(text, f"advice for {text}") for text in texts[start : start + 5000]]
                memory.insert(part, who="perf", wait=False)
                memory.settle()
                print(f"\r{start + len(part):,}/{n:,} lessons", end="", file=sys.stderr, flush=True)
            print(file=sys.stderr)
            client = chromadb.PersistentClient(
                str(Path(folder) / "raw"), settings=Settings(anonymized_telemetry=False)
            )
            raw = client.create_collection("raw", configuration={"hnsw": {"space": "cosine"}})
            vectors = embedder.embed(texts)
            for start in range(0, n, 5000):
                part_of = slice(start, start + 5000)
                raw.add(
                    ids=[str(i) for i in range(n)[part_of]], embeddings=vectors[part_of],
                    metadatas=[{"scope": "perf"}] * len(vectors[part_of]),
                )  # fmt: skip
            asked = embedder.embed(queries)
            embedder.known = dict(zip(queries, asked, strict=True))
            settings = RecallSettings(abstain_below=-1, keep_above=-1, keep_share=0)
            plain: dict[str, Any] = {
                "n_results": settings.n_candidates,
                "include": ["distances", "embeddings"],
            }
            found: dict[str, float] = {"n": n}
            for n_calls in (20, n_queries):  # the first to warm up
                found |= p50(
                    n_calls,
                    raw_chroma=lambda i: raw.query(query_embeddings=asked[i : i + 1], **plain),
                    recall=lambda i: memory.recall(queries[i], settings),
                    exact=lambda i: np.argpartition(-(vectors @ asked[i]), settings.n_candidates),
                )
            found |= p50(
                20,
                filtered=lambda i: raw.query(
                    query_embeddings=asked[i : i + 1], where={"scope": "perf"}, **plain
                ),
            )
            found |= p50(
                n_queries,
                insert=lambda i: memory.insert(
                    [lesson(f"new {i} of topic-{i:06d}", "x")], who="perf", wait=False
                ),
            )
            found["ratio"] = found["recall"] / found["raw_chroma"]
        engine.dispose()
    return found


def main() -> None:
    """Print both tables and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1000,10000,100000")
    sizes = [int(one) for one in parser.parse_args().sizes.split(",")]
    quality = [found_at_k(n, 5) for n in (100, 400, 1400)]
    table = Table("lessons", "hit rate at 5", "wrong on foreign queries")
    for one in quality:
        table.add_row(str(one["n_lessons"]), f"{one['hit_rate']:.2f}", f"{one['wrong_rate']:.2f}")
    Console().print(table)
    timed = [speeds(n) for n in sizes]
    table = Table("lessons", *(name for name in timed[0] if name != "n"))
    for one in timed:
        table.add_row(f"{one['n']:,}", *(f"{v:.2f}" for k, v in one.items() if k != "n"))
    Console().print(table)
    write("recall", {"quality": quality, "speed": timed})


if __name__ == "__main__":
    main()
