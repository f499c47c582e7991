-- An update leaves alone what it does not name: what a component held that is mapped no more is still there.

ALTER TABLE contents ADD COLUMN left_in_yida TEXT;  -- by component, beside what delivered names, JSON; NULL: not known
