"""Mixing where batches and samples are made."""
