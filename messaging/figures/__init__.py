"""Figures of each day: counted in the background by `counting`, kept up by `keeping`, read by `reading`."""
