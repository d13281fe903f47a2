BEGIN TRANSACTION;
CREATE TABLE adapter_scores (
    name TEXT NOT NULL PRIMARY KEY, score_before DOUBLE PRECISION NOT NULL,
    score_after DOUBLE PRECISION NOT NULL, created TEXT NOT NULL
);
CREATE TABLE adapters (
    id INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, parents JSON NOT NULL,
    path TEXT NOT NULL, data_hash TEXT NOT NULL, run TEXT NOT NULL,
    generation INTEGER NOT NULL, created TEXT NOT NULL
);
CREATE TABLE episodes (
    id INTEGER NOT NULL PRIMARY KEY, run TEXT NOT NULL, generation INTEGER NOT NULL,
    purpose TEXT NOT NULL, arm TEXT NOT NULL, task_id TEXT NOT NULL, attempt INTEGER NOT NULL,
    trajectory_id TEXT NOT NULL, benchmark TEXT NOT NULL, split TEXT NOT NULL,
    difficulty INTEGER NOT NULL, ending TEXT NOT NULL, success BOOLEAN NOT NULL,
    score DOUBLE PRECISION NOT NULL, best_score DOUBLE PRECISION NOT NULL,
    n_steps INTEGER NOT NULL, n_prompt_tokens INTEGER NOT NULL, n_reply_tokens INTEGER NOT NULL,
    seconds DOUBLE PRECISION NOT NULL, memory_version INTEGER NOT NULL, adapter TEXT NOT NULL,
    created TEXT NOT NULL, trajectory JSON NOT NULL,
    UNIQUE (run, generation, purpose, arm, task_id, attempt)
);
INSERT INTO "episodes" VALUES(1,'r',1,'acquisition','','cook-3-0',0,'t-0','textworld-cooking','train',3,'success',1,1.0,1.0,1,100,12,1.5,4,'a1','2026-11-21T09:49:14.838581+00:00','{"id":"t-0","task_id":"cook-3-0","benchmark":"textworld-cooking","split":"train","difficulty":3,"instruction":"Prepare the meal.","first_observation":"You are in the kitchen.","purpose":"acquisition","generation":1,"attempt":0,"arm":"","steps":[{"thought":"I see.","action":"open fridge","observation":"It is open.","reward":0.25,"n_prompt_tokens":100,"n_reply_tokens":12,"keep":false,"reply":"Action: open"}],"ending":"success","score":1.0,"best_score":1.0,"success":true,"seed":9223372036854775808,"recall":{"candidates":{"l1":0.8,"l2":0.5},"injected":["l1"],"withheld":["l2"],"propensity":0.9},"lessons":["Frying is done with the stove."],"reflections":[],"memory_version":4,"adapter":"a1","error":"","seconds":1.5}');
CREATE TABLE events (
    id INTEGER NOT NULL PRIMARY KEY, run TEXT NOT NULL, at TEXT NOT NULL,
    kind TEXT NOT NULL, payload JSON NOT NULL
);
CREATE TABLE runs (
    id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, configuration JSON NOT NULL,
    fingerprint TEXT NOT NULL, created TEXT NOT NULL
);
INSERT INTO "runs" VALUES('r','r','{"budget":"small"}','f','2026-11-21T09:49:14.833504+00:00');
CREATE TABLE schema_version (
	version INTEGER NOT NULL, 
	at TEXT NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "schema_version" VALUES(1,'2026-11-21T09:49:14.807745+00:00');
CREATE TABLE updates (
    id INTEGER NOT NULL PRIMARY KEY, run TEXT NOT NULL, generation INTEGER NOT NULL,
    kind TEXT NOT NULL, payload JSON NOT NULL, created TEXT NOT NULL,
    UNIQUE (run, generation, kind)
);
INSERT INTO "updates" VALUES(1,'r',1,'memory','{"n_lessons":3}','2026-11-21T09:49:14.843199+00:00');
CREATE TABLE usage (
    id INTEGER NOT NULL PRIMARY KEY, run TEXT NOT NULL, generation INTEGER NOT NULL,
    phase TEXT NOT NULL, n_prompt_tokens INTEGER NOT NULL, n_reply_tokens INTEGER NOT NULL,
    seconds DOUBLE PRECISION NOT NULL, created TEXT NOT NULL
);
CREATE TABLE verdicts (
    id INTEGER NOT NULL PRIMARY KEY, run TEXT NOT NULL, generation INTEGER NOT NULL,
    kind TEXT NOT NULL, verdict TEXT NOT NULL, evidence JSON NOT NULL, created TEXT NOT NULL,
    UNIQUE (run, generation, kind)
);
CREATE INDEX episodes_trajectory ON episodes (run, trajectory_id);
CREATE INDEX events_run ON events (run, kind);
CREATE INDEX usage_run ON usage (run, generation, phase);
COMMIT;
