-- What came before what, without asking a clock: it may have been set in between.

-- The newest attempt there was when this one was settled: what has a greater number was begun after its end.
ALTER TABLE attempts ADD COLUMN settled_after INTEGER;
-- The create that made the instance; NULL for one that was found, adopted, or made before this column.
ALTER TABLE instances ADD COLUMN attempt_id INTEGER;
CREATE INDEX instances_made ON instances (pipeline, attempt_id, created_ms) WHERE role = 'bound';

-- Doubts of before: only what is created from now on can vouch for them.
UPDATE attempts SET settled_after = (SELECT max(id) FROM attempts) WHERE outcome IN ('undecided', 'orphaned');
