-- What repair needs to remember: deletions in OKKI, content that a person let through, the reserve of the
-- quota, and what the last comparison with Yida found.

ALTER TABLE records ADD COLUMN absent_reads INTEGER NOT NULL DEFAULT 0;  -- full reads in a row without it
ALTER TABLE records ADD COLUMN deleted_ms INTEGER;    -- when OKKI was found to have let it go; NULL: it has not
ALTER TABLE records ADD COLUMN accepted_hash TEXT;    -- this content was let through by a person, in spite of a rule

ALTER TABLE pipelines ADD COLUMN adopted_ms INTEGER;     -- when the form's instances were last taken over
ALTER TABLE pipelines ADD COLUMN reconciled_ms INTEGER;  -- when ledger and Yida were last compared in full

-- Of the calls of a month, those that the reserve paid for: looks, resends, questions to the form.
ALTER TABLE meters ADD COLUMN reserve_calls INTEGER NOT NULL DEFAULT 0;

-- What the last comparison of ledger and Yida found, each a line in the report until the next one.
CREATE TABLE differences (
    id                INTEGER PRIMARY KEY,
    pipeline          TEXT NOT NULL REFERENCES pipelines (name),
    kind              TEXT NOT NULL CHECK (kind IN ('missing', 'extra', 'different', 'doubled', 'gone', 'ended')),
    record_id         INTEGER REFERENCES records (id) ON DELETE CASCADE,
    instance_id       TEXT,
    key               TEXT NOT NULL DEFAULT '',
    detail            TEXT NOT NULL DEFAULT '{}',  -- JSON: by component, what the ledger and what Yida holds
    found_ms          INTEGER NOT NULL
);
CREATE INDEX differences_pipeline ON differences (pipeline, kind, id);
