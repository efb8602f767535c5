"""What people look at: figures, and a page that needs nothing else."""
