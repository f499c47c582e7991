-- Old attempts are thinned out: for each that goes, SQLite asks whether a record still names it.

CREATE INDEX records_attempt ON records (attempt_id) WHERE attempt_id IS NOT NULL;
