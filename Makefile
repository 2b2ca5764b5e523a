# Every recipe is one command that runs Python: GNU make 3.81 and BSD tools are enough.
# Arguments go through ARGS, as in: make run ARGS="--port 0 --quick", make test ARGS="-k token".

PYTHON ?= python3
ARGS ?=
WITH = exec $(PYTHON) tools/setup.py --

.PHONY: setup run demo test check bench lock

setup:
	@exec $(PYTHON) tools/setup.py

run:
	@$(WITH) -m tools.run $(ARGS)

demo:
	@$(WITH) -m tools.demo $(ARGS)

test:
	@$(WITH) -m pytest $(ARGS)

check:
	@$(WITH) -m tools.check

bench:
	@$(WITH) -m benchmarks $(ARGS)

lock:
	@$(WITH) -m tools.lock
