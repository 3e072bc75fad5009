"""The tests: a folder for each ring, and stories that go through all of them."""
