"""What makes the documentation site out of docs/ and of the pages that lie elsewhere in the repository."""
