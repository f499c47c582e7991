-- The ledger: what Yida should hold (desired), what it is known to hold (delivered), and the calls between.
-- All times are UTC in milliseconds since 1970; ids of the vendors are text.

CREATE TABLE pipelines (
    name              TEXT PRIMARY KEY,
    form              TEXT NOT NULL,              -- app_type/form_uuid: where keys and instances are unique
    key_component     TEXT NOT NULL,
    watermark_ms      INTEGER,                    -- end of the proven part; NULL: never read
    context_hash      TEXT,                       -- what shaped the output when it was last read in full
    last_full_ms      INTEGER,
    last_success_ms   INTEGER,
    bootstrap_ms      INTEGER,                    -- when a person (or an empty form) allowed the first create
    search_proven_ms  INTEGER,                    -- when a create of ours was first seen by a search
    search_lag_ms     INTEGER,
    checked_hash      TEXT,                       -- the mapping whose components were last found on the form
    stop_reason       TEXT,
    stop_detail       TEXT NOT NULL DEFAULT '',
    stopped_ms        INTEGER,
    probe_ms          INTEGER,                    -- when the stopped pipeline may try one call
    CHECK ((stop_reason IS NULL) = (stopped_ms IS NULL))
);

CREATE TABLE records (
    id                INTEGER PRIMARY KEY,
    pipeline          TEXT NOT NULL REFERENCES pipelines (name),
    form              TEXT NOT NULL,
    source_id         TEXT NOT NULL,
    updated_ms        INTEGER,                    -- OKKI's update_time
    listed_hash       TEXT NOT NULL,              -- of the item as listed, without detail
    context_hash      TEXT NOT NULL,              -- under which it was mapped
    cycle_id          INTEGER,                    -- the cycle that last showed it
    decision          TEXT,                       -- and what that cycle decided
    first_seen_ms     INTEGER NOT NULL,
    desired_ms        INTEGER NOT NULL,           -- when the desired half last changed

    desired           TEXT NOT NULL CHECK (desired IN ('draft', 'rejection')),
    key               TEXT,
    content_hash      TEXT,
    rejection         TEXT,                       -- named reason
    rejection_detail  TEXT NOT NULL DEFAULT '',
    rejection_component TEXT,

    attempt           TEXT NOT NULL DEFAULT 'idle' CHECK (attempt IN ('idle', 'sending', 'undecided')),
    attempt_id        INTEGER REFERENCES attempts (id),
    operation         TEXT CHECK (operation IN ('create', 'update')),
    sent_key          TEXT,
    sent_hash         TEXT,
    sent_ms           INTEGER,
    looks             INTEGER NOT NULL DEFAULT 0,

    instance_id       TEXT,
    delivered_hash    TEXT,
    delivered_ms      INTEGER,

    block             TEXT CHECK (block IN ('waiting', 'held', 'suspect', 'parked', 'discarded')),
    block_reason      TEXT NOT NULL DEFAULT '',
    block_detail      TEXT NOT NULL DEFAULT '',   -- the vendor's own words, or the record that holds the key
    due_ms            INTEGER,
    tries             INTEGER NOT NULL DEFAULT 0,
    resends           INTEGER NOT NULL DEFAULT 0,
    calls             INTEGER NOT NULL DEFAULT 0, -- what this record has cost

    state TEXT NOT NULL GENERATED ALWAYS AS (
        CASE
            WHEN attempt = 'sending' THEN 'sending'
            WHEN block = 'parked' THEN 'parked'
            WHEN block = 'discarded' THEN 'discarded'
            WHEN attempt = 'undecided' THEN 'undecided'
            WHEN block = 'suspect' THEN 'parked'
            WHEN desired = 'rejection' THEN 'rejected'
            WHEN block = 'waiting' THEN 'waiting'
            WHEN instance_id IS NOT NULL AND content_hash = delivered_hash THEN 'delivered'
            WHEN block = 'held' THEN 'held'
            ELSE 'pending'
        END
    ) VIRTUAL,
    -- Which worker this record is for, if any: the index below is what the workers poll.
    lane TEXT GENERATED ALWAYS AS (
        CASE
            WHEN attempt = 'sending' THEN NULL
            WHEN attempt = 'undecided' THEN CASE WHEN block IN ('parked', 'discarded') THEN NULL ELSE 'look' END
            WHEN desired = 'rejection' THEN NULL
            WHEN instance_id IS NOT NULL AND content_hash = delivered_hash THEN NULL
            WHEN block = 'suspect' THEN 'suspect'
            WHEN block IS NOT NULL THEN NULL
            WHEN instance_id IS NULL THEN 'create'
            ELSE 'update'
        END
    ) VIRTUAL,

    UNIQUE (pipeline, source_id),
    CHECK (desired = 'rejection' OR (key IS NOT NULL AND key <> '' AND content_hash IS NOT NULL)),
    CHECK (desired = 'draft' OR (rejection IS NOT NULL AND content_hash IS NULL)),
    CHECK ((attempt = 'idle') = (attempt_id IS NULL)),
    CHECK ((attempt = 'idle') = (sent_ms IS NULL)),
    CHECK (attempt = 'idle' OR (operation IS NOT NULL AND sent_key IS NOT NULL AND sent_hash IS NOT NULL)),
    CHECK (attempt = 'idle' OR (operation = 'create') = (instance_id IS NULL)),
    CHECK (delivered_hash IS NULL OR instance_id IS NOT NULL)
);
CREATE INDEX records_due ON records (pipeline, lane, due_ms) WHERE lane IS NOT NULL;
CREATE INDEX records_state ON records (pipeline, state, desired_ms);
CREATE INDEX records_cycle ON records (cycle_id, decision);
CREATE INDEX records_key ON records (form, key);

-- The wide half of a record, apart so that the narrow half stays quick to scan.
CREATE TABLE contents (
    record_id         INTEGER PRIMARY KEY REFERENCES records (id) ON DELETE CASCADE,
    content           TEXT,                       -- the draft's form data, JSON
    delivered         TEXT,                       -- the form data Yida was last known to hold, JSON
    sent              TEXT,                       -- the form data of the open attempt, JSON
    raw               TEXT,                       -- the item of a rejected record, JSON
    detail            TEXT                        -- what the detail call added, JSON
);

-- One holder for each key of a form: the record that desires it, or whose open create was sent with it.
CREATE TABLE keys (
    form              TEXT NOT NULL,
    key               TEXT NOT NULL,
    record_id         INTEGER NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    PRIMARY KEY (form, key)
) WITHOUT ROWID;
CREATE INDEX keys_record ON keys (record_id);

-- Every Yida instance that is bound to a record; an id bound to one never matches another.
CREATE TABLE instances (
    form              TEXT NOT NULL,
    instance_id       TEXT NOT NULL,
    record_id         INTEGER NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    pipeline          TEXT NOT NULL,
    key               TEXT NOT NULL,              -- as Yida shows it
    origin            TEXT NOT NULL CHECK (origin IN ('created', 'found', 'adopted')),
    role              TEXT NOT NULL DEFAULT 'bound' CHECK (role IN ('bound', 'double', 'gone')),
    created_ms        INTEGER NOT NULL,           -- when its create was sent, or when it was found
    PRIMARY KEY (form, instance_id)
) WITHOUT ROWID;
CREATE INDEX instances_record ON instances (record_id);
CREATE INDEX instances_newest ON instances (pipeline, created_ms) WHERE role = 'bound';
CREATE INDEX instances_doubles ON instances (pipeline) WHERE role <> 'bound';

-- One call to Yida, for one record or (batchSave) for several. Written before the call, closed after it.
CREATE TABLE attempts (
    id                INTEGER PRIMARY KEY,
    pipeline          TEXT NOT NULL,
    operation         TEXT NOT NULL CHECK (operation IN ('create', 'update')),
    claimed_ms        INTEGER NOT NULL,
    settled_ms        INTEGER,
    outcome           TEXT,                       -- a family, 'returned' or 'orphaned'; NULL while sending
    code              TEXT NOT NULL DEFAULT '',
    message           TEXT NOT NULL DEFAULT '',
    request_id        TEXT NOT NULL DEFAULT ''
);
CREATE INDEX attempts_recent ON attempts (pipeline, operation, id);

CREATE TABLE attempt_records (
    attempt_id        INTEGER NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
    record_id         INTEGER NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    key               TEXT NOT NULL,
    content_hash      TEXT NOT NULL,
    instance_id       TEXT,
    PRIMARY KEY (attempt_id, record_id)
) WITHOUT ROWID;
CREATE INDEX attempt_records_record ON attempt_records (record_id);

CREATE TABLE cycles (
    id                INTEGER PRIMARY KEY,
    pipeline          TEXT NOT NULL,
    kind              TEXT NOT NULL CHECK (kind IN ('first', 'incremental', 'full', 'partial')),
    started_ms        INTEGER NOT NULL,
    finished_ms       INTEGER,
    start_ms          INTEGER,                    -- of the window; NULL: no time filter
    end_ms            INTEGER NOT NULL,
    watermark_ms      INTEGER,                    -- where the watermark stood afterwards
    result            TEXT,                       -- done, unproven, failed, interrupted
    detail            TEXT NOT NULL DEFAULT '',
    cannot_work       TEXT,                       -- the reason, where it failed for want of a person
    proof             TEXT NOT NULL DEFAULT '',
    pages             INTEGER NOT NULL DEFAULT 0,
    items_read        INTEGER NOT NULL DEFAULT 0, -- distinct ids
    repeats           INTEGER NOT NULL DEFAULT 0,
    details           INTEGER NOT NULL DEFAULT 0, -- detail calls
    filtered          INTEGER NOT NULL DEFAULT 0, -- left out on purpose
    balance           INTEGER                     -- read minus decided; anything but 0 is a fault of ours
);
CREATE INDEX cycles_recent ON cycles (pipeline, id);

-- What a cycle decided, counted page by page in the page's own transaction.
CREATE TABLE cycle_decisions (
    cycle_id          INTEGER NOT NULL REFERENCES cycles (id) ON DELETE CASCADE,
    decision          TEXT NOT NULL,
    records           INTEGER NOT NULL,
    PRIMARY KEY (cycle_id, decision)
) WITHOUT ROWID;

CREATE TABLE gaps (
    pipeline          TEXT NOT NULL,
    start_ms          INTEGER NOT NULL,
    end_ms            INTEGER NOT NULL,
    cycles            INTEGER NOT NULL DEFAULT 1, -- in how many cycles it stayed unproven
    first_ms          INTEGER NOT NULL,
    passed            INTEGER NOT NULL DEFAULT 0, -- 1: listed, and no longer holds the watermark
    PRIMARY KEY (pipeline, start_ms, end_ms)
) WITHOUT ROWID;

-- The life of a record and of a pipeline, for explain and the console.
CREATE TABLE history (
    id                INTEGER PRIMARY KEY,
    at_ms             INTEGER NOT NULL,
    pipeline          TEXT NOT NULL,
    record_id         INTEGER REFERENCES records (id) ON DELETE CASCADE,
    event             TEXT NOT NULL,
    detail            TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX history_record ON history (record_id, id);

-- Calls that Yida's vendor meters, by connection and Beijing calendar month.
CREATE TABLE meters (
    connection        TEXT NOT NULL,
    month             TEXT NOT NULL,              -- 2026-11
    calls             INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (connection, month)
) WITHOUT ROWID;

-- What shapes the output beside the mapping (today: the group tree), as last seen with something in it.
CREATE TABLE lookups (
    connection        TEXT NOT NULL,
    name              TEXT NOT NULL,
    hash              TEXT NOT NULL,
    body              TEXT NOT NULL,
    fetched_ms        INTEGER NOT NULL,
    PRIMARY KEY (connection, name)
) WITHOUT ROWID;

-- What the last commit left for the next start: the rate of each API, who wrote the file.
CREATE TABLE notes (
    name              TEXT PRIMARY KEY,
    value             TEXT NOT NULL
) WITHOUT ROWID;
