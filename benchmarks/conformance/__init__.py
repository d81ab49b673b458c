"""Many tiny models, each with the least number of affine operators that exact algebra must leave."""
