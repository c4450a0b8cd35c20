"""APIs that several providers speak: one module or folder each, from which a provider takes all but its name."""
