"""The target: Yida (宜搭) through DingTalk's open platform, steps 4 and 5 of the journey."""
