"""What tools wrote (`make schemas`): never changed by hand."""
