"""The adversarial half: critics, what they and the separator want, and what critics hear."""
