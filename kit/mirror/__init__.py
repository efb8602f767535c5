"""The mirror at Weights & Biases: signed records as runs, with their evidence beside them."""
