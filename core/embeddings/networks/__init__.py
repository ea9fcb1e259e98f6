"""Encoders with a neural network: architectures, weight files and devices."""
