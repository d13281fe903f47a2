"""What fills the leaves of the survey's tree: mechanism, setting, paper and code, line by line."""

from __future__ import annotations

from agentevo.recipes.taxonomy import Mechanism

_T, _S, _R, _U = (
    "agentevo.acquisition.", "agentevo.agent.", "agentevo.refinement.", "agentevo.updating."
)  # fmt: skip


def _rows(leaf: str, *rows: tuple[str, str, str, str, str]) -> tuple[Mechanism, ...]:
    return tuple(Mechanism(leaf, *row) for row in rows)


MECHANISMS: tuple[Mechanism, ...] = (
    *_rows(
        "tasks: selective",
        ("acquisition.tasks", "fresh", "tasks that nobody played yet", "",
         _T + "tasks:fresh"),
        ("acquisition.tasks", "repeated", "the same tasks again", "", _T + "tasks:repeated"),
        ("acquisition.tasks", "stream", "all levels mixed, in an order by a seed", "",
         _T + "tasks:stream"),
        ("acquisition.tasks", "random", "drawn from a pool",
         "ReST, Gulcehre et al. 2023, arXiv 2308.08998", _T + "tasks:at_random"),
        ("acquisition.tasks", "unsolved", "what failed comes first",
         "A3T, Yang et al. 2024, arXiv 2403.14589", _T + "selective:unsolved"),
        ("acquisition.tasks", "uncertain", "what ended now so, now otherwise", "",
         _T + "selective:uncertain"),
        ("acquisition.tasks", "edge", "levels that are won every other time", "",
         _T + "selective:edge"),
        ("acquisition.tasks", "k-center", "far from one another as they are first seen",
         "DiverseEvol, Wu et al. 2023, arXiv 2311.08182", _T + "selective:k_center"),
        ("acquisition.tasks", "curriculum", "the next level opens where the last is won",
         "SOFT, Wang et al. 2024, arXiv 2402.07610", _T + "selective:curriculum"),
    ),
    *_rows(
        "solutions: rationale-based",
        ("refinement.corrector", "hint", "a second try with the solution as a hint",
         "STaR, Zelikman et al. 2022, arXiv 2203.14465", _R + "correctors:Hint"),
        ("acquisition.explore_rate", ">0", "actions from outside the policy, reasoned for after",
         "A3T, Yang et al. 2024, arXiv 2403.14589", _S + "acting:explored"),
    ),
    *_rows(
        "solutions: interactive",
        ("agent.max_steps", ">0", "thought and action in turn, in the environment",
         "ReAct, Yao et al. 2023, arXiv 2210.03629", _S + "graph:build"),
        ("acquisition.n_attempts", ">1", "several tries at a task",
         "Reflexion, Shinn et al. 2023, arXiv 2303.11366", _S + "graph:reflect"),
        ("acquisition.n_samples", ">1", "several episodes of a task, best of n", "",
         "agentevo.cycle:sample"),
    ),
    *_rows(
        "solutions: grounded",
        ("memory.enabled", "true", "lessons that fit the task stand in the prompt",
         "ExpeL, Zhao et al. 2023, arXiv 2308.10144", _S + "recollection:SnapshotRecaller"),
        ("memory.principles", "any", "principles stand in every prompt, and can be trained in",
         "Self-Align, Sun et al. 2023, arXiv 2305.03047", _S + "recollection:Remembering"),
    ),
    *_rows(
        "solutions: contrastive",
        ("weights.pairs", "outcome", "a success against a failure at the same task",
         "ETO, Song et al. 2024, arXiv 2403.02502", _U + "data:preferred"),
        ("weights.pairs", "score", "the best against the worst of a task's episodes",
         "Self-Rewarding, Yuan et al. 2024, arXiv 2401.10020", _U + "data:preferred"),
        ("weights.pairs", "own", "the data against the model's own answer",
         "SPIN, Chen et al. 2024, arXiv 2401.01335", _U + "data:preferred"),
        ("weights.pairs", "satisfaction", "what a censor is satisfied with, and is not",
         "DPSE, Sun et al. 2025, arXiv 2507.15281", _R + "censor:pair"),
        ("refinement.lessons_from", "contrast", "a failure beside a success is read for lessons",
         "ExpeL, Zhao et al. 2023, arXiv 2308.10144", _R + "distill:group"),
    ),
    *_rows(
        "solutions: perturbative",
        ("acquisition.contrast", "true", "played in a good and in a bad manner",
         "RLCD, Yang et al. 2023, arXiv 2307.12950", "agentevo.dialogue.prompts:in_manner"),
    ),
    *_rows(
        "feedback: environment",
        ("benchmark", "any", "what the environment says: reward, score, success, errors",
         "", "agentevo.benchmarks:Environment"),
    ),
    *_rows(
        "filtering: metric-based",
        ("refinement.filters", "success", "successes alone",
         "AutoAct, Qiao et al. 2024, arXiv 2401.05268", _R + "filters:success"),
        ("refinement.filters", "gained", "successes, and what led to a last reward", "",
         _R + "filters:gained"),
        ("refinement.filters", "topic-aware", "satisfying ones, by topic and how it goes there",
         "DPSE, Sun et al. 2025, arXiv 2507.15281", _R + "censor:topic_aware"),
        ("refinement.filters", "near_duplicate", "one of those that did the same", "",
         _R + "filters:near_duplicate"),
        ("refinement.filters", "held_out", "nothing that is like a held-out task", "",
         _R + "filters:held_out"),
    ),
    *_rows(
        "correcting: critique-based",
        ("refinement.corrector", "reflect", "notes on a failure, for the next try",
         "Reflexion, Shinn et al. 2023, arXiv 2303.11366", _R + "correctors:Reflect"),
        ("refinement.corrector", "critique", "the model's own critique, until it finds nothing",
         "Self-Refine, Madaan et al. 2023, arXiv 2303.17651", _R + "correctors:Critique"),
        ("refinement.corrector", "constitution", "a critique by one principle after another",
         "Constitutional AI, Bai et al. 2022, arXiv 2212.08073", _R + "correctors:Constitution"),
        ("refinement.corrector", "critic", "a critique that quotes a tool",
         "CRITIC, Gou et al. 2023, arXiv 2305.11738", _R + "correctors:Critic"),
    ),
    *_rows(
        "correcting: critique-free",
        ("refinement.corrector", "hint", "the solution of a training task",
         "STaR, Zelikman et al. 2022, arXiv 2203.14465", _R + "correctors:Hint"),
        ("refinement.corrector", "error", "the environment's last words, as they are",
         "Self-Debug, Chen et al. 2023, arXiv 2304.05128", _R + "correctors:Error"),
        ("refinement.corrector", "again", "what was done, and nothing else",
         "Chen et al. 2023, arXiv 2306.03856", _R + "correctors:Again"),
    ),
    *_rows(
        "in weights: replay",
        ("weights.trainer", "sft", "successes are imitated, from the plain weights",
         "RFT, Yuan et al. 2023, arXiv 2308.01825", _U + "data:imitated"),
        ("weights.trainer", "dpo", "preferred to what is worse",
         "DPO, Rafailov et al. 2023, arXiv 2305.18290", _U + "objectives:preference"),
        ("weights.trainer", "grpo", "policy gradient within the episodes of a task",
         "GRPO, Shao et al. 2024, arXiv 2402.03300", _U + "objectives:policy"),
        ("weights.replay_share", ">0", "earlier successes come again", "",
         _U + "data:with_replay"),
        ("weights.rehearse_share", ">0", "dialogues that the plain model makes up",
         "SSR, Huang et al. 2024, arXiv 2403.01244", _U + "rehearsal:made_up"),
    ),
    *_rows(
        "in weights: regularization",
        ("weights.anchor", ">0", "divergence from the plain weights costs",
         "InstructGPT, Ouyang et al. 2022, arXiv 2203.02155", _U + "objectives:likelihood"),
        ("weights.ema", ">0", "a running mean of the weights", "Noukhovitch et al. 2023, "
         "arXiv 2312.07551", _U + "looks:RunningMean"),
        ("weights.reset_every", ">0", "elastic reset to the running mean",
         "Noukhovitch et al. 2023, arXiv 2312.07551", _U + "looks:RunningMean"),
    ),
    *_rows(
        "in weights: architecture",
        ("weights.mode", "lora", "low-rank adapters, the plain weights untouched",
         "LoRA, Hu et al. 2021, arXiv 2106.09685", _U + "tuner:Tuner"),
        ("weights.n_averaged", ">1", "the mean of several trainings",
         "Model Soups, Wortsman et al. 2022, arXiv 2203.05482; WARM, Ramé et al. 2024, "
         "arXiv 2401.12187", _U + "in_weights:tune"),
    ),
    *_rows(
        "in context: external memory",
        ("refinement.distiller", "lessons", "insert: lessons that a model reads from episodes",
         "ExpeL, Zhao et al. 2023, arXiv 2308.10144", _R + "distill:distill"),
        ("refinement.distiller", "workflows", "insert: the ways that succeeded, with places",
         "Agent Workflow Memory, Wang et al. 2024, arXiv 2409.07429", _R + "workflows:workflows"),
        ("memory.admission", "mends", "insert: only what mends the failure it was read from",
         "TRAN, Wang et al. 2023, arXiv 2310.15746", _R + "admission:admitted"),
        ("memory.pipelines", "true", "workflows run by themselves at the very task",
         "ICE, Qian et al. 2024, arXiv 2401.13996", _S + "acting:planned"),
        ("memory.enabled", "true", "reflect: what says the same is merged, what is beaten goes",
         "TiM, Liu et al. 2023, arXiv 2311.08719", _U + "in_context:update_memory"),
        ("memory.forgetting", "utility", "forget: what helped least, by its causal credit", "",
         "agentevo.memory.forgetting:by_utility"),
        ("memory.forgetting", "retention", "forget: by the curve that every recall slows",
         "MemoryBank, Zhong et al. 2023, arXiv 2305.10250",
         "agentevo.memory.forgetting:by_retention"),
        ("weights.lessons", "strip", "what trained weights know leaves the prompt",
         "Snell et al. 2022, arXiv 2209.15189", _U + "consolidation:internalise"),
    ),
    *_rows(
        "in context: working memory",
        ("refinement.corrector", "reflect", "the last reflections stand in the prompt",
         "Reflexion, Shinn et al. 2023, arXiv 2303.11366", _R + "correctors:Reflect"),
    ),
    *_rows(
        "evaluation: quantitative",
        ("evaluation.n_gate_per_level", ">0", "held-out tasks, paired, with an exact test", "",
         "agentevo.evaluation.gate:judge"),
        ("evaluation.n_test_per_level", ">0", "a test split that nothing is chosen by", "",
         "agentevo.evaluation.evaluate:evaluate"),
    ),
)  # fmt: skip
