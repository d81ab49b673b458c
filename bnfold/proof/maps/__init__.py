"""What operators with constants compute, as maps: per channel (`affine`), one linear layer (`layers`, and behind a Pad
`border`), or many in a row and side by side (`composed`, `regions`).
"""
