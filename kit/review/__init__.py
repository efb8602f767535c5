"""What a stranger finds out about a W&B project: does it show what was signed, and all of it?"""
