"""What a service says about itself, and what we make of it: the prober, its SSRF guard, the health document."""
