"""The test split, touched once by the finals: scores, pictures, comparison and verdict."""
