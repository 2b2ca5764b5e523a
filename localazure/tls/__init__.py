"""Real Azure URLs on one machine: a local certificate authority, and a proxy that leads their hosts to the stand-ins."""

from localazure.tls.certificates import ensure_certificates
from localazure.tls.proxy import ConnectProxy
from localazure.tls.tunnel import Forwarder

__all__ = ["ConnectProxy", "Forwarder", "ensure_certificates"]
