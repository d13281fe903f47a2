"""What an agent lives through: steps, whole episodes, and what was made of them.

Plain frozen data with a JSON form each; who writes it down is the ledger's business.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Ending = Literal[
    "success", "failure", "answered", "step_limit", "budget", "stalled", "malformed", "error"
]
"""Why an episode ended.

`success` and `failure`: the environment said so. `answered`: it took the answer and does not judge.
`step_limit`, `budget`: it was cut short. `stalled`: the agent did the same thing with the same
result again and again. `malformed`: its replies could not be read. `error`: something broke, see
`Trajectory.error`.
"""

Purpose = Literal["acquisition", "trial", "gate", "report", "evaluation", "gate-aa", "solve"]
"""What an episode was run for; only those of `acquisition` are learned from.

`trial`: a training task that is played again, to see what a draft of a lesson does.
"""


@dataclass(frozen=True)
class ToolCall:
    """A call of a tool in the model's own form, not as `Action:` text."""

    id: str
    """By which the model knows the result."""
    name: str
    arguments: str
    """As JSON, or what the model wrote in its place."""
    result: str


@dataclass(frozen=True)
class ToolUse:
    """One call of a tool, in either form, for whoever asks how tools fare."""

    name: str
    seconds: float
    error: str = ""
    """The whole of what went wrong, of which the model read the beginning; empty: nothing did."""


@dataclass(frozen=True)
class Given:
    """What the model is told of how to act, apart from the task."""

    system: str = ""
    """The system prompt; empty: none was recorded."""
    tools: tuple[dict[str, Any], ...] = ()
    """Schemas of the tools that are given in the model's own form."""


@dataclass(frozen=True)
class Step:
    """One call of the model: what it said, what it did, what came back."""

    thought: str
    action: str | None
    """None: the reply stated no action."""
    observation: str
    reward: float = 0.0
    """Change of the score, in fractions of the maximum."""
    n_prompt_tokens: int = 0
    n_reply_tokens: int = 0
    keep: bool = False
    """True: the observation stays in the context window to the end."""
    reply: str = ""
    """The reply as the model wrote it."""
    tool: str = ""
    """Name of the tool that gave the observation, or of several, with spaces between; empty: the
    environment did."""
    calls: tuple[ToolCall, ...] = ()
    """Calls in the model's own form; empty: none, or by `Action:` text."""
    uses: tuple[ToolUse, ...] = ()
    """Of tools, in whichever form they were called."""
    reply_ids: tuple[int, ...] = ()
    """The reply's tokens as they were sampled, its end included; empty: not recorded."""
    reply_logprobs: tuple[float, ...] = ()
    """Their log-probabilities by the model itself, at temperature 1; empty: not recorded."""
    given: Given | None = None
    """What the model was given from here on, as tools come and go; None: as before."""


@dataclass(frozen=True)
class Recall:
    """What the memory offered to an episode, as three separate facts.

    Each maps or lists lesson ids.
    """

    candidates: dict[str, float] = field(default_factory=dict)
    """Lesson id to its score for this task."""
    injected: tuple[str, ...] = ()
    """Shown in the prompt, in this order."""
    withheld: tuple[str, ...] = ()
    """Would have been shown, and were kept back at random to measure what they are worth."""
    propensity: float = 1.0
    """Chance that a lesson which was to be shown was shown."""
    rivals: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By id of a lesson that was to be shown: those that contradict it and gave way to it. In
    acquisition which of them stands is drawn, each with the same chance."""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Recall:
        """Read what `dataclasses.asdict` made of one."""
        return cls(
            candidates=dict(data["candidates"]),
            injected=tuple(data["injected"]),
            withheld=tuple(data["withheld"]),
            propensity=data["propensity"],
            rivals={key: tuple(some) for key, some in data.get("rivals", {}).items()},
        )


@dataclass(frozen=True)
class Trajectory:
    """A whole episode."""

    id: str
    task_id: str
    benchmark: str
    split: str
    difficulty: int
    instruction: str
    first_observation: str
    purpose: Purpose
    generation: int
    attempt: int
    arm: str
    """Which (memory, adapter) pair played; empty where there is only one."""
    steps: tuple[Step, ...]
    ending: Ending
    score: float
    """Final score, 0..1."""
    best_score: float
    """Best score reached on the way, 0..1 (the measure of the TALES suite)."""
    success: bool
    seed: int
    """Seed of the backbone's sampling."""
    recall: Recall = field(default_factory=Recall)
    lessons: tuple[str, ...] = ()
    """Texts of the injected lessons, as they stood in the prompt."""
    reflections: tuple[str, ...] = ()
    """Notes from earlier attempts at the same task that stood in the prompt."""
    system: str = ""
    """The system prompt at first; empty: none was recorded."""
    tools: tuple[dict[str, Any], ...] = ()
    """Schemas of the tools that were given at first in the model's own form."""
    memory_version: int = 0
    adapter: str = ""
    """Name of the adapter that acted; empty: the plain backbone."""
    error: str = ""
    seconds: float = 0.0
    copy_of: str = ""
    """Id of the candidate that was handed in as this one, which cost nothing more; empty: none."""
    n_note_tokens: tuple[int, int] = (0, 0)
    """Prompt and reply tokens beside those of its steps: of the notes for the next attempt, and,
    where it stands for several attempts, of those before it."""

    @property
    def n_steps(self) -> int:
        """Calls of the model."""
        return len(self.steps)

    @property
    def n_prompt_tokens(self) -> int:
        """Prompt tokens over all calls, those for notes on it included."""
        return sum(step.n_prompt_tokens for step in self.steps) + self.n_note_tokens[0]

    @property
    def n_reply_tokens(self) -> int:
        """Reply tokens over all calls, those for notes on it included."""
        return sum(step.n_reply_tokens for step in self.steps) + self.n_note_tokens[1]

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready form."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Trajectory:
        """Read what `to_json` wrote."""
        return cls(
            **{
                **data,
                "steps": tuple(_step(step) for step in data["steps"]),
                "tools": tuple(data.get("tools", ())),
                "recall": Recall.from_json(data["recall"]),
                "lessons": tuple(data["lessons"]),
                "reflections": tuple(data["reflections"]),
                "n_note_tokens": tuple(data.get("n_note_tokens", (0, 0))),
            }
        )


def _step(data: dict[str, Any]) -> Step:
    lists = ("reply_ids", "reply_logprobs")
    calls = tuple(ToolCall(**one) for one in data.get("calls", ()))
    uses = tuple(ToolUse(**one) for one in data.get("uses", ()))
    told = {name: tuple(data.get(name, ())) for name in lists}
    new = data.get("given")
    given = Given(new["system"], tuple(new["tools"])) if new else None
    return Step(**{**data, **told, "calls": calls, "uses": uses, "given": given})
