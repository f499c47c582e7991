"""A configuration from the metadata documents (元数据) of a 轻易云 scheme: before the first step."""
