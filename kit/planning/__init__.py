"""From what a user asks for to the request of one trial."""
