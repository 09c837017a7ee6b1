"""What WeCom only ever pushes: a small receiver that keeps its events until they are landed."""
