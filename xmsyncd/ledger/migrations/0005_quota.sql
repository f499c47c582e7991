-- What the quota planner remembers: who writes through which connection, what a stop came from, when it was
-- last probed, and what the calls of a month and of a record were for.

ALTER TABLE pipelines ADD COLUMN connection TEXT NOT NULL DEFAULT '';  -- of DingTalk, as in the configuration
ALTER TABLE pipelines ADD COLUMN stop_source TEXT NOT NULL DEFAULT 'write'
    CHECK (stop_source IN ('write', 'read', 'token', 'ourselves'));
ALTER TABLE pipelines ADD COLUMN probed_ms INTEGER;   -- when a stopped pipeline last spent a call on trying

-- Of a record's calls; the rest are looks. What was counted before is told apart by the attempts that are left.
ALTER TABLE records ADD COLUMN create_calls INTEGER NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN update_calls INTEGER NOT NULL DEFAULT 0;
UPDATE records SET
    create_calls = MIN(calls, (SELECT count(*) FROM attempt_records r JOIN attempts a ON a.id = r.attempt_id
        WHERE r.record_id = records.id AND a.operation = 'create'
            AND coalesce(a.outcome, '') NOT IN ('returned', 'throttled', 'not_sent')));
UPDATE records SET
    update_calls = MIN(calls - create_calls, (SELECT count(*) FROM attempt_records r
        JOIN attempts a ON a.id = r.attempt_id WHERE r.record_id = records.id AND a.operation = 'update'
            AND coalesce(a.outcome, '') NOT IN ('returned', 'throttled', 'not_sent')));

CREATE TABLE meter_kinds (
    connection        TEXT NOT NULL,
    month             TEXT NOT NULL,              -- 2026-11
    kind              TEXT NOT NULL,              -- create, update, or the name of a read
    calls             INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (connection, month, kind)
) WITHOUT ROWID;
