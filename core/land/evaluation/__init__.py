"""Evaluation of land-cover predictions: protocols, confusion matrices, label economy."""
