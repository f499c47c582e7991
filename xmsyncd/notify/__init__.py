"""Tells people in DingTalk what needs them; nothing here holds up or fails the synchronisation."""
