"""What a model must do, checked one after the other."""
