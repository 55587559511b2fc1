"""Pictures of batches."""
