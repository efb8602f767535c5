"""All trials that a ruleset owes for one submission: what is owed, in which order, until done."""
