"""What a person probably meant, for the faults of the configuration."""

from xmsyncd.nearest import nearest, nearest_name

__all__ = ["nearest", "nearest_name"]
