# What may be done to production, decided the same by Open Policy Agent and by the local policy point.
#
# Asked once per mutation of a production environment, with the request as it was sent. A request is allowed unless a
# rule below denies it; every reason is returned, not only the first. Where safety rests on a value (region, isolation) its
# absence denies too; whether a request is otherwise well-formed is the platform's own business.
#
# Plain rules only: the local engine (rego-cpp) leaves some builtins silently undefined, orders values of different types
# unlike OPA, and does not escape quotes in what it returns, so no reason repeats a text of the request.
package runtime.governance

import rego.v1

allowed_regions := {
	"austriaeast", "belgiumcentral", "centralus", "eastus", "eastus2", "francecentral", "francesouth",
	"germanynorth", "germanywestcentral", "italynorth", "northcentralus", "northeurope", "norwayeast", "norwaywest",
	"polandcentral", "southcentralus", "spaincentral", "swedencentral", "swedensouth", "switzerlandnorth",
	"switzerlandwest", "uksouth", "ukwest", "westcentralus", "westeurope", "westus", "westus2", "westus3",
}

max_replicas := 100

# Rules of their own, so that an absent value makes them undefined and `not` true.
region_allowed if input.request.region in allowed_regions

silo if input.request.isolationModel == "silo"

reasons contains "the question names no action" if not input.action

reasons contains "the region is not in the allowed list" if {
	input.action == "environments.provision"
	not region_allowed
}

reasons contains "a production environment must be isolated as a silo" if {
	input.action == "environments.provision"
	input.stage == "prod"
	not silo
}

reasons contains sprintf("maxReplicas is over the limit of %d", [max_replicas]) if {
	input.action == "scaling-policies.apply"
	is_number(input.request.maxReplicas)
	input.request.maxReplicas > max_replicas
}

reasons contains sprintf("a component asks for more than %d replicas", [max_replicas]) if {
	input.action == "deployments.deploy"
	some component in input.request.components
	is_number(component.replicas)
	component.replicas > max_replicas
}

reasons contains "a production environment is not decommissioned by force" if {
	input.action == "environments.decommission"
	input.request.force == true
}

default allow := false

allow if {
	input.action
	count(reasons) == 0
}

decision := {"allow": allow, "reasons": sort([reason | some reason in reasons]), "obligations": {}}
