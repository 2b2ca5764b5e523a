"""What no stack of this platform may contain: a Pulumi policy pack, given to every `pulumi up` (docs/deploy.md)."""
