"""Sources of random numbers, and distributions made from them."""
