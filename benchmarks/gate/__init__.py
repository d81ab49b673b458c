"""What must not get worse: counts exactly, speeds as paired ratios."""
