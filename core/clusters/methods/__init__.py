"""The clustering methods: Gaussian mixtures, HDBSCAN, k-means and Ward."""
