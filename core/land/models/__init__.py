"""Land-cover models: features, classifiers and prediction."""
