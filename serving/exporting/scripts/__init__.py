"""The programs of an exported folder; they are copied as they stand, and run there."""
