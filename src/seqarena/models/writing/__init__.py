"""What writes tokens: decoders, CTC, and how a search sees them."""
