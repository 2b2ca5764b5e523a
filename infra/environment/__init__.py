"""The program that makes one tenant environment from its record. Run by the provisioner's Pulumi engine, never by hand.

What an environment owns follows from its isolation model; the rest it finds in its pool (`infra/pool`), one for each
region and stage:

| | silo | pool | shared |
|---|---|---|---|
| resource group, identity, namespace, Service Bus, storage of function apps' hosts | own | own | own |
| vault, private endpoint | own | own | the pool's |
| network, logs, cluster, Container Apps environment, plans | own | the pool's | the pool's |

In the shared model tenants share one vault, so the environment's identity gets no role on it as a whole: each secret is
opened by a role on that secret (docs/deploy.md).
"""
