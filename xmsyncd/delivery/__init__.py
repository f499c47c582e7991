"""Steps 4 to 6: workers that close the difference between desired and delivered."""
