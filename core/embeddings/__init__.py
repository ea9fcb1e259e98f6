"""Turn chips into embeddings: encoders, their cards and weights, and the loop that runs them."""
