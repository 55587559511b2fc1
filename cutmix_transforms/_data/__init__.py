"""Mixing in the dataset and in the collate function."""
