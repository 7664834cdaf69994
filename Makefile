# All work is done by the scripts in tools/; this file installs what they need first.
# Beyond make: npm, git, Go (for the lab's machines) and, on Linux, nothing else. Node may be as old as 20: the packages
# bring a Node of their own.

.DEFAULT_GOAL := help
.PHONY: help install check test demo demo-down soak soak-lab bench

# Expanded in each recipe, when the packages are there.
node = PATH="$(CURDIR)/node_modules/.bin:$$PATH"; export PATH; exec node
# npm writes it at the end of an installation.
installed := node_modules/.package-lock.json

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

install: $(installed) ## installs the packages that package-lock.json names
	@:
$(installed): package-lock.json
	@echo 'installing packages'
	@npm ci --no-fund --no-audit --loglevel=error
	@touch $@

check: install ## types, lint, import law, generated files, dead code, tests without machines (under 90 s)
	@$(node) tools/test.ts --fast

test: install ## everything: check, then end-to-end tests on lab machines
	@$(node) tools/test.ts

demo: install ## three bare machines become a highly available etcd, on this computer
	@$(node) tools/demo.ts up

demo-down: install ## removes the demo and every trace of it
	@$(node) tools/demo.ts down

soak: install ## the simulation on SEEDS= schedules (default 100000)
	@$(node) tools/soak.ts --seeds $(or $(SEEDS),100000)

soak-lab: install ## kills keelson at every step, each on fresh machines
	@$(node) tools/soak-lab.ts

bench: install ## measures keelson against the documented procedure
	@$(node) bench/run.ts
