"""The page that shows all verdicts with what they rest on."""
