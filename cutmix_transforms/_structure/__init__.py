"""Reading batches and samples, and putting them together again: containers, images, labels and instances."""
