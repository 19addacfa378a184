"""What a run's records say: figures, verdict, and the files that hold them."""
