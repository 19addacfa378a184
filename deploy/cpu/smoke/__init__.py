"""The embedded smoke model: its tokenizer, curriculum, network and training."""
