"""The process that owns the clock, the evaluation data, the rules and the key."""
