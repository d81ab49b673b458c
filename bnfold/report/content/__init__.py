"""What a report says, from its JSON alone and in no markup: the sentences and tables of pages and pull requests."""
