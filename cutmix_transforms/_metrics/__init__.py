"""Loss and accuracy for mixed targets."""
