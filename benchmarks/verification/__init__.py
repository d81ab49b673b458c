"""What a verification costs, and what it says beside the fixed tolerances of other tools."""
