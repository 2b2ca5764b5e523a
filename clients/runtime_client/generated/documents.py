"""What the API reads and answers, as types. Made by `make schemas` from its own description: do not edit."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

AccessBindingStatus = Literal["Pending", "Active", "Suspended"]
ComputeTarget = Literal["aks", "container-apps", "functions", "app-service"]
DeploymentStatus = Literal["InProgress", "Completed", "RolledBack", "Failed", "Canceled"]
DriftAction = Literal["Remediate", "Adopt"]
Enforcement = Literal["Pending", "Enforced", "Partial"]
EnvironmentStatus = Literal["Provisioning", "Provisioned", "Failed", "Decommissioning", "Decommissioned"]
FindingKind = Literal["ImageVersionMismatch", "ReplicaCountMismatch", "ConfigurationMismatch", "SecretVersionMismatch", "ScalingPolicyMismatch", "MissingService", "UnexpectedService", "InfrastructureMismatch", "IsolationBreach"]
FindingStatus = Literal["Open", "Acknowledged", "AcceptedUntil", "Remediating", "Resolved", "Reopened"]
HealthStatus = Literal["Healthy", "Degraded", "Unhealthy", "Unknown"]
IsolationModel = Literal["silo", "pool", "shared"]
Metric = Literal["cpu", "memory", "requests", "queue-length"]
MutationOutcome = Literal["Applied", "Unchanged", "Stale"]
OnFailure = Literal["Rollback", "Pause"]
OperationKind = Literal["ProvisionEnvironment", "DecommissionEnvironment", "Deploy", "RollbackDeployment", "RotateSecret", "EnforceScaling", "AdoptDrift", "RemediateDrift"]
OperationStatus = Literal["NotStarted", "Running", "Succeeded", "Failed", "Canceled"]
Owner = Literal["deployment", "scaling-policy", "rotation", "unknown"]
Phase = Literal["Requested", "Provisioning", "Configuring", "RollingOut", "HealthGating", "Promoting", "RollingBack", "Completed", "RolledBack", "Failed", "Canceled"]
PolicyStatus = Literal["Applied", "Paused"]
ProbeStatus = Literal["Never", "Intact", "Breached", "Incomplete"]
ReportOutcome = Literal["Accepted", "Stale", "UnknownService", "Invalid"]
ScanStatus = Literal["Complete", "Incomplete", "Never"]
SecretsBindingStatus = Literal["Bound", "Rotating"]
Severity = Literal["Critical", "High", "Medium", "Low"]
Source = Literal["deployment", "observation", "import"]
Stage = Literal["dev", "test", "staging", "prod"]
StepStatus = Literal["Running", "Succeeded", "Failed"]
Strategy = Literal["RollingHealthGated", "AllAtOnce"]
Verdict = Literal["Passed", "Failed", "Inconclusive", "Error"]
Wanted = Literal["Active", "Suspended"]


class AcceptRequest(TypedDict):
    reason: str
    until: str


class AcknowledgeRequest(TypedDict):
    reason: str


class Applied(TypedDict):
    scalingPolicyId: str
    status: PolicyStatus
    traceId: str


class BindRequest(TypedDict):
    tenantId: str
    environmentId: str
    serviceId: str
    vaultUri: str
    secrets: list[BoundSecretInput]
    rotation: NotRequired[RotationInput | None]


class BindingChanged(TypedDict):
    tenantId: str
    environmentId: str
    status: AccessBindingStatus
    changedAt: str
    changedBy: str
    allowedVaults: NotRequired[list[str]]
    activeOperationId: NotRequired[str]
    traceId: str


class BindingRequest(TypedDict):
    tenantId: NotRequired[str | None]
    status: Wanted
    allowedVaults: NotRequired[list[str] | None]
    reason: NotRequired[str | None]


class BindingState(TypedDict):
    secretBindingId: str
    status: SecretsBindingStatus
    traceId: str
    tenantId: str
    environmentId: str
    serviceId: str
    vaultUri: str
    secrets: list[BoundSecret]
    rotation: NotRequired[Rotation]
    boundBy: str
    createdAt: str
    rotated: dict[str, str]
    requested: dict[str, str]
    outgoing: list[Outgoing]
    activeOperationId: NotRequired[str]
    consumers: list[Consumer]
    consumersOnOldVersion: int


class BindingSummary(TypedDict):
    status: AccessBindingStatus


class Bound(TypedDict):
    secretBindingId: str
    status: SecretsBindingStatus
    traceId: str


class BoundSecretInput(TypedDict):
    name: str
    secretName: str
    version: NotRequired[str | None]


class BoundSecret(TypedDict):
    name: str
    secretName: str
    version: NotRequired[str]


class Breach(TypedDict):
    route: str
    status: int


class Check(TypedDict):
    name: str
    status: HealthStatus
    durationMs: NotRequired[int]


class ComparisonState(TypedDict):
    components: list[Difference]
    configuration: list[Difference]
    settings: list[Difference]


class ComponentInput(TypedDict):
    moduleId: str
    image: str
    target: ComputeTarget
    replicas: NotRequired[int | None]
    wave: NotRequired[int]
    dependsOn: NotRequired[list[str]]
    env: NotRequired[dict[str, str]]
    health: NotRequired[HealthProbeInput]


class Component(TypedDict):
    moduleId: str
    image: str
    target: ComputeTarget
    replicas: NotRequired[int]
    wave: int
    dependsOn: list[str]
    env: dict[str, str]
    health: HealthProbe


class Configuration(TypedDict):
    configurationId: str
    version: int
    contentHash: str
    status: Literal["Published"]
    traceId: str
    tenantId: str
    environmentId: str
    moduleId: NotRequired[str]
    values: dict[str, bool | int | float | str | SecretRef]
    comment: NotRequired[str]
    publishedBy: str
    createdAt: str


class Consumer(TypedDict):
    serviceId: str
    name: str
    version: str


class Decision(TypedDict):
    by: str
    at: str
    until: NotRequired[str]
    reason: str


class DecommissionRequest(TypedDict):
    confirm: str
    retainData: NotRequired[bool]
    force: NotRequired[bool]


class Dependency(TypedDict):
    name: str
    status: Literal["Healthy", "Unhealthy"]


class DeployRequest(TypedDict):
    tenantId: str
    environmentId: str
    releaseRef: str
    components: list[ComponentInput]
    configurationId: NotRequired[str | None]
    strategy: NotRequired[Strategy]
    gate: NotRequired[GateRequest | None]
    overrideIsolationBreach: NotRequired[str | None]


class DeploymentBegun(TypedDict):
    deploymentId: str
    status: DeploymentStatus
    rollbackOf: NotRequired[str]
    traceId: str


class DeploymentState(TypedDict):
    deploymentId: str
    status: DeploymentStatus
    rollbackOf: NotRequired[str]
    traceId: str
    tenantId: str
    environmentId: str
    releaseRef: str
    components: list[Component]
    configurationId: NotRequired[str]
    strategy: Strategy
    gate: GatePolicy
    phase: Phase
    operationId: str
    previousDeploymentId: NotRequired[str]
    rotates: NotRequired[list[str]]
    drift: NotRequired[DriftCause]
    reason: NotRequired[str]
    contentHash: NotRequired[str]
    requestedBy: str
    createdAt: str
    endedAt: NotRequired[str]
    error: NotRequired[OperationError]
    rolloutHistory: list[HistoryState]
    comparison: NotRequired[ComparisonState]


Difference = TypedDict("Difference", {"serviceId": str, "key": NotRequired[str], "from": NotRequired[Any], "to": NotRequired[Any]})


class DriftCause(TypedDict):
    action: DriftAction
    findingId: str
    serviceId: str
    kind: str


class DryRun(TypedDict):
    allowed: bool
    obstacles: list[Obstacle]
    effects: list[Effect]


class Effect(TypedDict):
    action: str
    resource: str
    detail: str


class EnvironmentChange(TypedDict):
    environmentId: str
    status: EnvironmentStatus
    traceId: str


class EnvironmentItem(TypedDict):
    tenantId: str
    projectId: str
    name: str
    stage: Stage
    region: str
    isolationModel: IsolationModel
    computeTargets: list[ComputeTarget]
    environmentId: str
    status: EnvironmentStatus
    traceId: str
    pulumiStackRef: str
    placement: Placement
    outputs: dict[str, str]
    stableDeploymentId: NotRequired[str]
    stableReleaseRef: NotRequired[str]
    hold: NotRequired[Hold]
    createdAt: str
    decommissionedAt: NotRequired[str]
    summary: Summary


class EnvironmentState(TypedDict):
    tenantId: str
    projectId: str
    name: str
    stage: Stage
    region: str
    isolationModel: IsolationModel
    computeTargets: list[ComputeTarget]
    environmentId: str
    status: EnvironmentStatus
    traceId: str
    pulumiStackRef: str
    placement: Placement
    outputs: dict[str, str]
    stableDeploymentId: NotRequired[str]
    stableReleaseRef: NotRequired[str]
    hold: NotRequired[Hold]
    createdAt: str
    decommissionedAt: NotRequired[str]
    binding: BindingSummary
    activeOperationId: NotRequired[str]
    inventory: list[InventoryRow]


class Finding(TypedDict):
    findingId: str
    environmentId: str
    serviceId: NotRequired[str]
    kind: FindingKind
    desired: str
    actual: str
    severity: Severity
    detectedAt: str
    status: FindingStatus
    owner: Owner
    firstSeenAt: str
    lastSeenAt: str
    occurrences: int
    attempts: NotRequired[int]
    decision: NotRequired[Decision]


class FindingDecided(TypedDict):
    findingId: str
    environmentId: str
    serviceId: NotRequired[str]
    kind: FindingKind
    desired: str
    actual: str
    severity: Severity
    detectedAt: str
    status: FindingStatus
    owner: Owner
    firstSeenAt: str
    lastSeenAt: str
    occurrences: int
    attempts: NotRequired[int]
    decision: NotRequired[Decision]
    traceId: str
    deploymentId: NotRequired[str]


class FindingsOf(TypedDict):
    environmentId: str
    lastScan: Scan


class GatePolicy(TypedDict):
    waitSeconds: int
    stableSeconds: int
    retryTimeoutSeconds: int
    failureLimit: NotRequired[int]
    inconclusiveLimit: NotRequired[int]
    errorLimit: NotRequired[int]
    onFailure: OnFailure


class GateRequest(TypedDict):
    waitSeconds: NotRequired[int | None]
    stableSeconds: NotRequired[int | None]
    retryTimeoutSeconds: NotRequired[int | None]
    failureLimit: NotRequired[int | None]
    inconclusiveLimit: NotRequired[int | None]
    errorLimit: NotRequired[int | None]
    onFailure: NotRequired[str | None]


class GateState(TypedDict):
    verdict: NotRequired[Verdict]
    healthySince: NotRequired[str]
    overridden: NotRequired[Override]
    samples: list[Sample]
    earlier: NotRequired[list[GateState]]


class HealthProbeInput(TypedDict):
    path: NotRequired[str]
    port: NotRequired[int]
    format: NotRequired[Literal["json", "plain", "grpc"]]


class HealthProbe(TypedDict):
    path: str
    port: int
    format: Literal["json", "plain", "grpc"]


class HealthResultsAnswer(TypedDict):
    environmentId: str
    results: list[Weighing]
    traceId: str


class HealthResultsRequest(TypedDict):
    tenantId: NotRequired[str | None]
    results: list[Observation]


class HistoryState(TypedDict):
    phase: Phase
    wave: NotRequired[int]
    startedAt: str
    endedAt: NotRequired[str]
    detail: NotRequired[str]
    gate: NotRequired[GateState]


class Hold(TypedDict):
    since: str
    deploymentId: str
    reason: str


class IgnoreRuleInput(TypedDict):
    serviceId: NotRequired[str | None]
    kind: NotRequired[FindingKind | None]
    field: NotRequired[str | None]
    reason: str


class IgnoreRule(TypedDict):
    serviceId: NotRequired[str]
    kind: NotRequired[FindingKind]
    field: NotRequired[str]
    reason: str


class InventoryAnswer(TypedDict):
    environmentId: str
    results: list[Mutated]
    traceId: str


class InventoryRequest(TypedDict):
    tenantId: NotRequired[str | None]
    services: list[SeenService]


class InventoryRow(TypedDict):
    serviceId: str
    target: str
    image: str
    version: str
    replicas: int
    endpointUrl: NotRequired[str]
    deploymentId: NotRequired[str]
    source: Source
    observedAt: str
    generation: int
    status: HealthStatus
    stale: bool
    evaluatedAt: NotRequired[str]


class IsolationReport(TypedDict):
    status: ProbeStatus
    startedAt: NotRequired[str]
    completedAt: NotRequired[str]
    attempts: int
    untold: int
    breaches: list[Breach]
    consecutiveBreaches: int


class Liveness(TypedDict):
    status: Literal["Healthy"]


class Mutated(TypedDict):
    serviceId: str
    outcome: MutationOutcome


class Observation(TypedDict):
    serviceId: str
    status: HealthStatus
    checks: NotRequired[list[ReportedCheck]]
    observedAt: str
    observedImage: NotRequired[str | None]
    observedRevision: NotRequired[str | None]
    source: NotRequired[str | None]


class Obstacle(TypedDict):
    errors: NotRequired[dict[str, list[str]]]
    operationId: NotRequired[str]
    mustSettleBy: NotRequired[str]
    decisionId: NotRequired[str]
    reasons: NotRequired[list[str]]
    obligations: NotRequired[dict[str, Any]]
    supportedVersions: NotRequired[list[str]]
    code: str
    message: str


class OperationError(TypedDict):
    code: str
    message: str


class OperationOutline(TypedDict):
    operationId: str
    kind: OperationKind
    status: OperationStatus
    mustSettleBy: str


class OperationState(TypedDict):
    operationId: str
    kind: OperationKind
    status: OperationStatus
    mustSettleBy: str
    environmentId: str
    attempt: int
    steps: list[Step]
    waitingFor: NotRequired[str]
    requestedBy: str
    decisionId: NotRequired[str]
    resourceLocation: str
    retryOf: NotRequired[str]
    error: NotRequired[OperationError]
    createdAt: str
    lastActionAt: str
    traceId: str
    request: dict[str, Any]


class Outgoing(TypedDict):
    secretName: str
    version: str
    disableAt: str


class Override(TypedDict):
    by: str
    at: str
    reason: str


class Pause(TypedDict):
    by: str
    at: str
    reason: NotRequired[str]
    replicas: NotRequired[int]


class Placement(TypedDict):
    subscriptionId: str
    resourceGroup: str


class PolicyState(TypedDict):
    metric: Literal["cpu", "memory", "requests", "queue-length"]
    minReplicas: int
    maxReplicas: int
    targetUtilizationPercent: int
    scaleToZero: bool
    scalingPolicyId: str
    status: PolicyStatus
    traceId: str
    tenantId: str
    environmentId: str
    serviceId: str
    target: ComputeTarget
    requested: Scaling
    effective: NotRequired[Scaling]
    enforcement: Enforcement
    paused: NotRequired[Pause]
    enforcedAt: NotRequired[str]
    appliedBy: str
    createdAt: str
    updatedAt: str


class ProblemDocument(TypedDict):
    errors: NotRequired[dict[str, list[str]]]
    operationId: NotRequired[str]
    mustSettleBy: NotRequired[str]
    decisionId: NotRequired[str]
    reasons: NotRequired[list[str]]
    obligations: NotRequired[dict[str, Any]]
    supportedVersions: NotRequired[list[str]]
    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    traceId: str


class PromoteRequest(TypedDict):
    reason: str


class ProvisionRequest(TypedDict):
    tenantId: str
    projectId: str
    name: str
    stage: Stage
    region: str
    isolationModel: IsolationModel
    computeTargets: list[ComputeTarget]


class Provisioning(TypedDict):
    environmentId: str
    status: EnvironmentStatus
    traceId: str
    pulumiStackRef: str


class PublishRequest(TypedDict):
    tenantId: str
    environmentId: str
    moduleId: NotRequired[str | None]
    values: dict[str, bool | int | float | str | SecretRefInput]
    comment: NotRequired[str | None]


class Published(TypedDict):
    configurationId: str
    version: int
    contentHash: str
    status: Literal["Published"]
    traceId: str


class PutServiceRequest(TypedDict):
    target: ComputeTarget
    image: str
    replicas: int
    endpointUrl: NotRequired[str | None]
    source: NotRequired[Literal["observation", "import"]]
    observedAt: str
    generation: NotRequired[int | None]
    tenantId: NotRequired[str | None]


class Readiness(TypedDict):
    status: Literal["Healthy", "Unhealthy"]
    checks: NotRequired[list[Dependency]]
    settings: NotRequired[list[str]]


class ReasonRequest(TypedDict):
    reason: NotRequired[str | None]


class ReportedCheck(TypedDict):
    name: str
    status: HealthStatus
    durationMs: NotRequired[int | None]


class RollbackRequest(TypedDict):
    reason: NotRequired[str | None]
    toDeploymentId: NotRequired[str | None]


class RotationInput(TypedDict):
    everyDays: int
    overlapMinutes: int


class Rotation(TypedDict):
    everyDays: int
    overlapMinutes: int


class RulesReplaced(TypedDict):
    rules: list[IgnoreRule]
    changedBy: NotRequired[str]
    changedAt: NotRequired[str]
    environmentId: str
    traceId: str


class RulesRequest(TypedDict):
    rules: list[IgnoreRuleInput]


class RulesState(TypedDict):
    rules: list[IgnoreRule]
    changedBy: NotRequired[str]
    changedAt: NotRequired[str]
    environmentId: str


class Sample(TypedDict):
    serviceId: str
    revision: NotRequired[str]
    image: NotRequired[str]
    status: HealthStatus
    checks: list[Check]
    evaluatedAt: str
    lastEvaluatedAt: str
    count: int
    detail: NotRequired[str]


class Scaling(TypedDict):
    metric: Literal["cpu", "memory", "requests", "queue-length"]
    minReplicas: int
    maxReplicas: int
    targetUtilizationPercent: int
    scaleToZero: bool


class ScalingRequest(TypedDict):
    tenantId: str
    environmentId: str
    serviceId: str
    target: ComputeTarget
    metric: Metric
    minReplicas: int
    maxReplicas: int
    targetUtilizationPercent: int
    scaleToZero: NotRequired[bool]


class Scan(TypedDict):
    startedAt: NotRequired[str]
    completedAt: NotRequired[str]
    status: ScanStatus
    notReached: list[str]


class SecretRefInput(TypedDict):
    secretRef: str


class SecretRef(TypedDict):
    secretRef: str


class SeenService(TypedDict):
    target: ComputeTarget
    image: str
    replicas: int
    endpointUrl: NotRequired[str | None]
    source: NotRequired[Literal["observation", "import"]]
    observedAt: str
    generation: NotRequired[int | None]
    serviceId: str


class ServiceHealthState(TypedDict):
    serviceId: str
    environmentId: str
    status: HealthStatus
    checks: list[Check]
    evaluatedAt: NotRequired[str]
    stale: NotRequired[bool]
    cause: NotRequired[str]


class ServiceObserved(TypedDict):
    serviceId: str
    target: str
    image: str
    version: str
    replicas: int
    endpointUrl: NotRequired[str]
    deploymentId: NotRequired[str]
    source: Source
    observedAt: str
    generation: int
    traceId: str


class Step(TypedDict):
    name: str
    status: StepStatus
    startedAt: str
    endedAt: NotRequired[str]
    detail: NotRequired[str]


class Summary(TypedDict):
    services: int
    unhealthy: int
    degraded: int
    unknown: int
    stale: int
    openFindings: int
    highestSeverity: NotRequired[str]
    lastScan: NotRequired[str]
    stableReleaseRef: NotRequired[str]
    bindingStatus: NotRequired[AccessBindingStatus]
    operationWaits: bool
    evaluatedAt: NotRequired[str]
    asOf: str


class TenantBinding(TypedDict):
    tenantId: str
    environmentId: str
    status: AccessBindingStatus
    changedAt: str
    changedBy: str
    allowedVaults: NotRequired[list[str]]


class TimelineEntry(TypedDict):
    entryId: str
    at: str
    kind: str
    actor: str
    summary: str
    resource: str
    operationId: NotRequired[str]
    decisionId: NotRequired[str]
    causedBy: NotRequired[str]
    traceId: str


class Weighing(TypedDict):
    serviceId: str
    outcome: ReportOutcome
