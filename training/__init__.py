"""How a model learns to listen: LeaP traces, their selection, supervised fine-tuning (the paper's LeaP-T)."""
