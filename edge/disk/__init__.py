"""The disk tier of the cache: slices of stored responses in files, and an index that finds them."""
