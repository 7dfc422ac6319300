"""What users write: tensors with operators, placeholders, layers, optimisers."""
