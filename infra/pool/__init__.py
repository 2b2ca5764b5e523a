"""What the pooled and shared environments of one stage in one region stand on: a Pulumi project of its own."""
