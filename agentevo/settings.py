"""The settings of each component: one frozen model a component, with what each setting means.

How they make up a run, and how recipes, files and `--set` merge, is `agentevo.config`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

ToolCalls = Literal["auto", "native", "text"]


class Settings(BaseModel):
    """A component's settings: frozen, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class AgentSettings(Settings):
    """How an episode is played."""

    max_steps: int = Field(100, ge=1)
    """Calls of the model; the benchmark's own limit counts too."""
    max_tokens: int = Field(400_000, ge=1)
    """Of all prompts and replies of an attempt together."""
    max_reply_tokens: int = Field(320, ge=8)
    """Of one reply."""
    n_stalled: int = Field(3, ge=2)
    """Times in a row that an action, or a few in turn, may bring the same observations."""
    n_malformed: int = Field(3, ge=1)
    """Replies in a row that may state no action."""
    reply_timeout_s: float = Field(300.0, gt=0)
    """For one reply, in seconds."""
    open_timeout_s: float = Field(600.0, ge=0)
    """For opening a task's environment, and for its first observation, in seconds each; see the
    next setting."""
    step_timeout_s: float = Field(120.0, ge=0)
    """For one step of the environment, in seconds; the episode then ends by an error. What hangs
    in a thread cannot be ended and is left behind; a worker process is ended. 0: none."""
    n_at_once: int = Field(32, ge=1)
    """Episodes of an arm that are played side by side; two arms with the same weights may be."""
    tools: tuple[str, ...] = ()
    """Such as `calculator`, `documents:FOLDER`, `mcp:servers.json`, `file.py:name`, or a folder."""
    tool_calls: ToolCalls = "auto"
    """`native`: tools are given to the model in its own form; `text`: it is told of them, and calls
    them by `Action:`; `auto`: natively where the model, asked once, does so."""


class ToolSettings(Settings):
    """What the agent may do with its tools."""

    timeout_s: float = Field(60.0, gt=0)
    """For one call."""
    max_characters: int = Field(4_000, ge=100)
    """Of a result that the model reads; what is more is cut off, and that is said."""
    max_calls: int = Field(0, ge=0)
    """Of all tools in an episode together. 0: as many as there are steps."""
    limits: dict[str, int] = {}
    """By name of a tool, or a pattern such as `fs__*`: calls in an episode."""
    approval: dict[str, Literal["allow", "ask", "deny"]] = {}
    """By name or pattern, also of `name {arguments}` as in `shell *rm *`; the first that fits
    counts. `ask` is for `solve`, where there is somebody to be asked."""
    sandbox: Literal["auto", "bubblewrap", "container", "subprocess"] = "auto"
    """In which code is run. `auto`: the safest that works here."""
    code_timeout_s: float = Field(10.0, gt=0)
    """For one program."""
    code_memory_mb: int = Field(512, ge=32)
    """That a program may take."""


class AcquisitionSettings(Settings):
    """Phase 1: which tasks are played, and how."""

    tasks: str = "fresh"
    """Strategy that chooses the training tasks of a generation: `fresh`, `repeated`, `random`,
    `unsolved` first, `uncertain`, at the `edge` of what is won, far apart (`k-center`), from easy
    to hard (`curriculum`), or a stream of all levels mixed, as in `stream:7` with the seed of its
    order."""
    n_tasks_per_level: int = Field(6, ge=1)
    make: str = ""
    """Strategy that makes questions beside the tasks of the benchmark: `self-instruct` (like them),
    `evol-instruct` (harder ones), `backward` (a number of theirs left open), `documents:FOLDER` (on
    texts), `back-translation:FOLDER` (what texts answer). Empty: none are made."""
    n_made: int = Field(10, ge=1)
    """Tasks that are made in a generation, at most."""
    n_samples: int = Field(1, ge=1)
    """Episodes of each task, independent of one another: what is compared in `dpo` and `grpo`."""
    n_attempts: int = Field(1, ge=1)
    """Attempts at each task, at most; between them `refinement.corrector` is asked."""
    temperature: float = Field(0.5, ge=0)
    feedback: str = "environment"
    """Whose word on an episode is learned from: the `environment`, a `judge` that awards points by
    a rubric, or the model `self` that says whether it was right. On held-out tasks it is the
    environment's whatever this says."""
    explore_rate: float = Field(0.0, ge=0, lt=1)
    """Share of steps whose action is drawn from outside the policy, and reasoned for afterwards."""
    contrast: bool = False
    """Whether the second of two samples is played in a bad manner and the first in a good one, so
    that the one is better than the other by construction; see `weights.pairs`."""


class RefinementSettings(Settings):
    """Phase 2: what is kept, and how lessons are made of it."""

    filters: tuple[str, ...] = ("gained", "near_duplicate", "held_out")
    """Strategies that traces for training pass in this order. `gained` takes successes, and of
    lost episodes what led to their last reward; `success` takes successes alone. There are also
    `threshold:0.5`, `cap:10` a task, `distinct` ways, `concise:50` steps, `well-formed`,
    `novel:0.7`, `safe`, `clean:13` (shares so many words in a row with no held-out task),
    `topic-aware`, and, without anybody's score, `vote:0.5`, `entropy:0.5`, `verified:3` (the
    question is found again from the answer) and `dual` (programs that agree on tests)."""
    corrector: str = "reflect"
    """Strategy that says what another attempt at a task is told. After failures: `reflect` (what
    the model notes), `error` (the environment's last words), `hint` (the solution, of training
    tasks). Whatever came of it: `critique` (by the model), `critic` (with the tools),
    `constitution` (by one principle after another), `again` (what was done)."""
    distiller: str = "lessons"
    """Strategy that makes lessons of episodes: `lessons` (the model reads transcripts), or
    `workflows` (the ways that succeeded, without a call)."""
    lessons_from: tuple[Literal["success", "failure", "contrast"], ...] = (
        "success",
        "failure",
        "contrast",
    )
    """Kinds of transcripts that lessons are distilled from."""
    n_words: int = Field(24, ge=4)
    """Words of each observation that the distiller reads."""
    min_support: int = Field(1, ge=1)
    """Episodes of a generation that must show a lesson before it is stored."""


class MemorySettings(Settings):
    """Phase 3, in context: lessons in the prompt."""

    enabled: bool = True
    scope: str = ""
    """Whose lessons these are: a user, a team, any label. Empty: the benchmark's."""
    index: str = ""
    """URL of a Chroma server that holds the index. Empty: embedded, in the run's folder."""
    embedder: str = "minilm"
    """What turns situations into vectors: `minilm`, or a sentence-transformers model by its folder
    or by a name that is in the local cache."""
    n_lessons: int = Field(8, ge=1)
    """Most lessons in a prompt."""
    n_tokens: int = Field(200, ge=1)
    """Most tokens of lessons in a prompt."""
    abstain_below: float = Field(0.15, ge=-1, le=1)
    """Recall nothing where the best lesson's cosine similarity is lower."""
    withhold_rate: float = Field(0.15, ge=0, lt=1)
    """Chance that a lesson is kept back in acquisition, to measure what it is worth."""
    retire_level: float = Field(0.99, gt=0.5, lt=1)
    """Confidence at which a harmful lesson is retired."""
    consolidate: bool = True
    """Whether lessons that trained weights know leave the prompt, once held-out tasks show that
    nothing is lost without them."""
    admission: Literal["gate", "mends"] = "gate"
    """What a lesson must pass. `gate`: it stands at the gate with the others; `mends`: before that,
    a failure that it was read from is played again with it, and must come out better."""
    reflect: str = ""
    """Strategy that lets a rule stand for several lessons in force, where held-out tasks show no
    loss: `abstract` (the model names the rule behind lessons of one kind). Empty: none does."""
    principles: tuple[str, ...] = ()
    """Texts that stand before the lessons in every prompt, whatever the task."""
    policy: str = ""
    """Strategy that looks for a policy in words, which stands in every prompt: `agent-pro` (from
    what was lost with it), `promptbreeder` (a population whose members compete), `evolutionary` (a
    population whose fitter half reproduces). Empty: there is none."""
    n_policies: int = Field(4, ge=1)
    """Proposals at a time, or policies in a population."""
    n_replays: int = Field(8, ge=2)
    """Training tasks that are played again with each policy, to see what it is worth."""
    pipelines: bool = False
    """Whether a workflow in force runs by itself, without the model, where the very task comes
    again that it was read from, as long as all goes as it went then."""
    capacity: int = Field(1000, ge=1)
    """Active lessons at most; beyond it the weakest are set aside, never a pinned one."""
    forgetting: str = "utility"
    """Strategy that says how strongly a lesson is kept: `utility`, `retention` or `fifo`."""


class WeightSettings(Settings):
    """Phase 3, in weights: training on what succeeded."""

    trainer: str = "none"
    """Strategy: `sft` (imitate successes), `dpo` (prefer the better of two episodes), `grpo`
    (policy gradient), several one after the other as in `sft+dpo`, or `none`."""
    mode: Literal["lora", "full"] = "lora"
    lessons: Literal["strip", "keep"] = "strip"
    """Whether lessons are taken out of the prompts that are trained on; then, with a memory, only
    traces that had some are."""
    rank: int = Field(16, ge=1)
    """Of LoRA."""
    lr: float = Field(1e-3, gt=0)
    n_epochs: float = Field(3, gt=0)
    tokens_per_step: int = Field(2048, ge=256)
    verifier: bool = False
    """Whether the last of several trainers, as in `sft+dpo`, makes a verifier: the one before it
    acts, and the last tells which of its candidates is handed in (`evaluation.choose`)."""
    replay_share: float = Field(0.3, ge=0, lt=1)
    """Share of the training traces that come from earlier generations."""
    max_traces: int = Field(120, ge=1)
    max_turns: int = Field(2000, ge=1)
    """Turns of the traces that are trained on, at most."""
    min_traces: int = Field(4, ge=1)
    """With fewer traces nothing is trained."""
    max_age: int | None = Field(None, ge=0)
    """Generations that a trace may be old; 0: only those that the pair in force played."""
    pairs: Literal["outcome", "score", "own", "manner", "satisfaction"] = "outcome"
    """What `dpo` prefers. `outcome`: a success to a failure at the same task; `score`: the best to
    the worst of a task's episodes; `own`: what succeeded to what the model would say itself;
    `manner`: what was played in a good manner to what was in a bad one; `satisfaction`: what the
    censor is satisfied with to what it is not, frequent topics counting more."""
    beta: float = Field(0.1, gt=0)
    """Of `dpo`: how dear it is to leave the reference."""
    clip: float = Field(0.2, gt=0, lt=1)
    """Of `grpo`: how far a token's probability ratio counts."""
    anchor: float = Field(0.0, ge=0)
    """Weight of the divergence from the plain weights, per token. 0: not anchored."""
    rehearse_share: float = Field(0.0, ge=0, lt=1)
    """Share of the dialogues that the plain model makes up itself, to keep what it knew."""
    ema: float = Field(0.0, ge=0, lt=1)
    """Decay a step of a running mean of the weights, which is kept. 0: the last weights are."""
    reset_every: int = Field(0, ge=0)
    """Steps after which the weights go back to their running mean, and that to the start (elastic
    reset; wants `ema`). 0: never."""
    n_rounds: int = Field(1, ge=1)
    """Trainings in a generation; after each, its tasks are played again with the new weights, and
    the next one goes on from these episodes: what `grpo` lives on."""
    n_averaged: int = Field(1, ge=1)
    """Trainings, each with another seed, whose weights are averaged."""
    soup: Literal["mean", "greedy"] = "mean"
    """Which of them: all, or, the best first, each that makes the average no worse on the tasks of
    `validation_share`."""
    keep_share: float = Field(1.0, gt=0, le=1)
    """How far to go from the plain weights to the trained ones."""
    validation_share: float = Field(0.0, ge=0, lt=1)
    """Share of the training tasks that is only measured on; the best of the checkpoints is kept."""
    patience: int = Field(3, ge=1)
    """Measurements without a lower validation loss, after which the training stops."""
    checkpoint_every: int = Field(50, ge=1)
    """Steps after which a training that is killed can go on; and between measurements."""
    launch: tuple[str, ...] = ()
    """Command that runs a training in processes of its own, such as `accelerate launch
    --num_processes 2`, word by word. Empty: in this process."""


class EvaluationSettings(Settings):
    """Phase 4: what decides, and what is reported."""

    n_gate_per_level: int = Field(3, ge=1)
    """Validation tasks of each level that the gate plays."""
    fresh_gate: bool = False
    """Whether each generation's gate plays validation tasks of its own, so that none is worn out by
    being chosen by again and again. Costs the incumbent's episodes anew."""
    n_test_per_level: int = Field(5, ge=0)
    """Test tasks of each level in the report; 0: no report on the test split."""
    alpha: float = Field(0.05, gt=0, lt=0.5)
    """Rate of false promotions that is allowed, one-sided."""
    n_failure_groups: int = Field(8, ge=0)
    """Groups of failures on the test split that the report names, at most. 0: none."""
    n_attempts: int = Field(1, ge=1)
    """Attempts at a held-out task, at most; the last one counts, and the tokens of all."""
    n_candidates: int = Field(1, ge=1)
    """Episodes of each held-out task, sampled, of which one is handed in; all of them cost."""
    choose: Literal["vote", "verifier"] = "vote"
    """Which candidate is handed in. `vote`: the first that does at last what most do; `verifier`:
    the one that the weights of `weights.verifier` prefer; without such, the first."""
    arms: tuple[Literal["plain", "memory", "weights", "both"], ...] = (
        "plain",
        "memory",
        "weights",
        "both",
    )
    """What plays the test split at the end."""


class ObjectiveSettings(Settings):
    """What is to be learned next, and who may say so."""

    autonomy: Literal["low", "medium", "high"] = "low"
    """`low`: the user sets the objective and every strategy; `medium`: the framework may choose
    strategies (`acquisition.tasks=auto`); `high`: the objective, too. Each choice is recorded with
    its reason."""
    policy: Literal["all", "weakest"] = "all"
    """Which levels a generation plays: `all`, or those of the `weakest` ability of the last one, if
    any stands out of the noise."""
    stop_on_collapse: bool = False
    """Whether the evolution ends where diversity falls twice in a row and nothing is gained."""


class EndpointSettings(Settings):
    """How a backbone is asked that is served elsewhere."""

    n_at_once: int = Field(32, ge=1)
    """Requests at once; more wait for their turn."""
    timeout_s: float = Field(120.0, gt=0)
    """For one answer; then it is asked again."""
    retry_s: float = Field(150.0, ge=0)
    """For how long a server that is busy, away or broken is asked again, with growing pauses."""
    window: int = Field(0, ge=0)
    """Tokens of prompt and reply together. 0: what the server says, or 8192."""
    prompt_price: float = Field(0.0, ge=0)
    """Of a million prompt tokens, in any currency: for the costs in reports. 0: none."""
    reply_price: float = Field(0.0, ge=0)
    """Of a million reply tokens."""
    vllm_python: str = ""
    """Of `vllm:MODEL`: the Python of the environment that has vLLM. Empty: this one."""
    vllm_arguments: tuple[str, ...] = ()
    """For a vLLM server that is started here, besides ours."""
    vllm_max_rank: int = Field(16, ge=1)
    """Of the largest adapter that it is to load."""
