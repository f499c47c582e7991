-- What the pipeline is not about, by its own setting.

ALTER TABLE records ADD COLUMN filtered_by TEXT;      -- what of where keeps the product out; NULL: nothing does
