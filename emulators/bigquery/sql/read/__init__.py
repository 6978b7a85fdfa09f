"""Read GoogleSQL: text becomes tokens, and tokens a syntax tree with the place of each part."""
