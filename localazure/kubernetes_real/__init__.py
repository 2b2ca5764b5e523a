"""A real Kubernetes control plane on loopback, in the place of the stand-in: for development and tests alone.

etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok are built from public Go modules (`make tools`,
versions in go.mod). kwok keeps the nodes alive; what runs on them is the workload runner, which watches pods through the
API and reports their status as a kubelet does. Tokens of the platform are checked by a webhook, its rights are RBAC's.
"""
