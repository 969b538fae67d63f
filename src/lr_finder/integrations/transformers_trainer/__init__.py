"""What `lr_finder.integrations.transformers` is made of."""
