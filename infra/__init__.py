"""How infrastructure is made: the provisioner job and, with Pulumi, the programs it runs."""
