"""From an item to a draft or a rejection, pure and without I/O (step 2 of the journey)."""
