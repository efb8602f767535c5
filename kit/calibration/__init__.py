"""Target setting: which setting is best, what it reaches with several seeds, what follows."""
