"""From tables to a trained solution version: schemas, imports, solutions, and how good the result is."""
