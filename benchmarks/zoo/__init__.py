"""bnfold over whole networks of timm and torchvision, with random weights."""
