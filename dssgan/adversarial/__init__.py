"""Adversarial training: critics, the losses of both sides, and the augmentation of the critics' input."""
