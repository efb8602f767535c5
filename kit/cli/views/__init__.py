"""What a user sees of a trial: a live view, plain lines or JSON lines, and the summary."""
