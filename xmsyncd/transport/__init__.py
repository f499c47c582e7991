"""The mechanism both vendors' clients share: one HTTP call, its reply, tokens, tables of answers."""
