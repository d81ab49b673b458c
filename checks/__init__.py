"""What a change must pass beside lint, types and tests: `make wheel` and `make versions`."""
