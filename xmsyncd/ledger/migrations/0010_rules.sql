-- Two rules of one kind about one field are counted apart: each is known by a hash of what it demands.

CREATE TABLE quality_counts_by_rule (
    pipeline          TEXT NOT NULL,
    component         TEXT NOT NULL,              -- '' for a rule about the record as a whole
    rule              TEXT NOT NULL,
    demand_hash       TEXT NOT NULL,              -- '' for what was counted before rules were told apart
    hour_ms           INTEGER NOT NULL,           -- the beginning of the hour
    demand            TEXT NOT NULL,              -- what the rule demands as people read it, shortened
    seen              INTEGER NOT NULL DEFAULT 0,
    warned            INTEGER NOT NULL DEFAULT 0,
    fixed             INTEGER NOT NULL DEFAULT 0,
    rejected          INTEGER NOT NULL DEFAULT 0,
    sample            TEXT,                       -- the last value of the hour that broke it, shortened
    sample_source_id  TEXT,                       -- whose it was
    sample_ms         INTEGER,
    PRIMARY KEY (pipeline, component, rule, demand_hash, hour_ms)
) WITHOUT ROWID;
INSERT INTO quality_counts_by_rule
    SELECT pipeline, component, rule, '', hour_ms, '', seen, warned, fixed, rejected,
        sample, sample_source_id, sample_ms
    FROM quality_counts;
DROP TABLE quality_counts;
ALTER TABLE quality_counts_by_rule RENAME TO quality_counts;
CREATE INDEX quality_counts_hour ON quality_counts (hour_ms);
