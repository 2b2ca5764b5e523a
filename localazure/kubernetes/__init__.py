"""A stand-in for the API server and the controllers of an AKS cluster: see `localazure.kubernetes.app`."""
