"""What the programs are made of: one component each for network, vault, logs, cluster and so on, with explicit names."""
