"""What a source must do, checked one after the other."""
