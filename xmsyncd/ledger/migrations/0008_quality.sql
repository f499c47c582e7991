-- What the rules of quality found: counted by the hour for each rule and field, and kept with each record.

CREATE TABLE quality_counts (
    pipeline          TEXT NOT NULL,
    component         TEXT NOT NULL,              -- '' for a rule about the record as a whole
    rule              TEXT NOT NULL,
    hour_ms           INTEGER NOT NULL,           -- the beginning of the hour
    seen              INTEGER NOT NULL DEFAULT 0,
    warned            INTEGER NOT NULL DEFAULT 0,
    fixed             INTEGER NOT NULL DEFAULT 0,
    rejected          INTEGER NOT NULL DEFAULT 0,
    sample            TEXT,                       -- the last value of the hour that broke it, shortened
    sample_source_id  TEXT,                       -- whose it was
    sample_ms         INTEGER,
    PRIMARY KEY (pipeline, component, rule, hour_ms)
) WITHOUT ROWID;
CREATE INDEX quality_counts_hour ON quality_counts (hour_ms);

-- The values that are compared between records (unique, consistent), of those components alone.
CREATE TABLE quality_values (
    record_id         INTEGER NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    component         TEXT NOT NULL,
    pipeline          TEXT NOT NULL,
    value             TEXT NOT NULL,
    PRIMARY KEY (record_id, component)
) WITHOUT ROWID;
CREATE INDEX quality_values_held ON quality_values (pipeline, component, value);

ALTER TABLE contents ADD COLUMN findings TEXT;    -- what rules warned of, put right or rejected, JSON
