-- How long an undecided attempt has certainly been waited for: clocks are set, and processes sleep and die.

ALTER TABLE attempts ADD COLUMN waited_ms INTEGER NOT NULL DEFAULT 0;  -- by the monotonic clock, at its last look
