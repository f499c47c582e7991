"""The source: OKKI's open platform as a reader of products meets it (step 1 of the journey)."""
