"""Reading and rebuilding batches and samples: containers, images, labels and instances."""
