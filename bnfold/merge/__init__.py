"""Regions of linear operators between two tensors become one linear operator."""
