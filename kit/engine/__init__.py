"""Trials in containers: the engine, its images, and one run of the compose file."""
