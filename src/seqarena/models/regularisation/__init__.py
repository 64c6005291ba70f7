"""What keeps a model from learning train by heart."""
