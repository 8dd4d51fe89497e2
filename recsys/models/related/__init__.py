"""Items that go with an item: by who touched both, by metadata, by what their texts mean."""
