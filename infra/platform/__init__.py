"""This app in Azure: a Pulumi project of its own, run by hand or by CI (docs/deploy.md)."""
