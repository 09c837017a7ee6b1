"""One module per vendor: its envelope, its tokens, its endpoints."""
