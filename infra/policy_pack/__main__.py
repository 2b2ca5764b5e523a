"""The pack as Pulumi runs it: every rule mandatory. `regions` can be configured: `{"regions": {"allowed": [...]}}`."""

from __future__ import annotations

from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)

from infra.policy_pack.rules import POLICIES, REGIONS, Policy, in_allowed_regions

_REGIONS_SCHEMA = PolicyConfigSchema(
    properties={"allowed": {"type": "array", "items": {"type": "string"}, "default": list(REGIONS)}}
)


def validator(policy: Policy) -> ResourceValidationPolicy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if policy.rule is in_allowed_regions:
            allowed = tuple(args.get_config().get("allowed") or REGIONS)
            said = in_allowed_regions(args.resource_type, args.props, allowed)
        else:
            said = policy.rule(args.resource_type, args.props)
        if said is not None:
            report(said)

    return ResourceValidationPolicy(
        name=policy.name,
        description=policy.description,
        validate=validate,
        config_schema=_REGIONS_SCHEMA if policy.rule is in_allowed_regions else None,
    )


def main() -> None:
    PolicyPack(
        name="runtime-cloud",
        enforcement_level=EnforcementLevel.MANDATORY,
        policies=[validator(policy) for policy in POLICIES],
    )


if __name__ == "__main__":
    main()
