"""The nodes of a cluster: what runs its pods, and somebody with kubectl beside them.

The workload runner watches pods through the Kubernetes API, over HTTP, and says through it what a kubelet says: the same
code against the stand-in (`localazure.kubernetes`) and against a real API server (`localazure.kubernetes_real`).
"""
