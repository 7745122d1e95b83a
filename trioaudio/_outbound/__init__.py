"""What is said: turns on their way to the far end, and what an interruption or a pause makes of them."""
