-- The blast-radius guard: which updates count towards the limit, and which of them wait for a person.

ALTER TABLE records ADD COLUMN guard_ms INTEGER;         -- when the guard let its update go, or (block 'held') kept it
ALTER TABLE pipelines ADD COLUMN guard_from_ms INTEGER;  -- when a person last decided: what went before does not count
ALTER TABLE pipelines ADD COLUMN guard_told_ms INTEGER;  -- when it was last said aloud that updates are held

CREATE INDEX records_guard ON records (pipeline, guard_ms) WHERE guard_ms IS NOT NULL;
CREATE INDEX records_held ON records (pipeline, guard_ms) WHERE block = 'held';
