"""Made by `python -m runtime_grpc.generate`: not edited by hand."""
