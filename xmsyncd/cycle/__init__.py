"""Steps 1, 2, 3 and 7: one window, from frozen to proven."""
