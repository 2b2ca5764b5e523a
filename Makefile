# Every recipe is one command that runs Python: GNU make 3.81 and BSD tools are enough.
# Arguments go through ARGS, as in: make run ARGS="--port 0 --quick", make test ARGS="-k token".

PYTHON ?= python3
ARGS ?=
WITH = exec $(PYTHON) tools/setup.py --

.PHONY: setup run demo test test-infra e2e-pulumi tools e2e-kubernetes settle check bench lock schemas

setup:
	@exec $(PYTHON) tools/setup.py

run:
	@$(WITH) -m tools.run $(ARGS)

demo:
	@$(WITH) -m tools.demo $(ARGS)

test:
	@$(WITH) -m tools.test $(ARGS)

test-infra:
	@$(WITH) -m tools.infra tests/infra --ignore tests/infra/e2e $(ARGS)

e2e-pulumi:
	@$(WITH) -m tools.infra -rs tests/infra/e2e tests/infra/test_engine_conformance.py $(ARGS)

tools:
	@$(WITH) -m tools.kubernetes $(ARGS)

e2e-kubernetes:
	@$(WITH) -m pytest -rs -m "not settle" tests/targets/test_conformance.py tests/targets/test_aks.py tests/targets/test_kubernetes_alike.py tests/resilience/test_aks_on_a_real_cluster.py -k aks $(ARGS)

settle:
	@$(WITH) -m pytest -m settle tests/settle $(ARGS)

check:
	@$(WITH) -m tools.check

bench:
	@$(WITH) -m benchmarks $(ARGS)

lock:
	@$(WITH) -m tools.lock

schemas:
	@$(WITH) -m tools.schemas
