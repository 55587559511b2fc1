"""Images that show a batch with its targets."""
