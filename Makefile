# All work is done by the scripts in tools/; this file installs what they need first.
# Beyond make: npm, git, Go (for the lab's machines) and, on Linux, nothing else. Node may be as old as 20: the packages
# bring a Node of their own.

.DEFAULT_GOAL := help
# Nothing here is done by two at once.
.NOTPARALLEL:
.PHONY: help install install-anew check test demo demo-down soak soak-lab bench

# Expanded in each recipe, when the packages are there.
node = PATH="$(CURDIR)/node_modules/.bin:$$PATH"; export PATH; exec node
# A copy of package-lock.json as it was installed. By content: git gives a file a new time for many reasons.
installed = node_modules/.installed-lock.json

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

install: ## installs the packages that package-lock.json names
	@cmp -s package-lock.json $(installed) || $(MAKE) --no-print-directory install-anew

# npm empties the folder first, and would empty another checkout's through a link.
install-anew:
	@if [ -L node_modules ]; then echo 'node_modules is a link: run make install where it leads to' >&2; exit 1; fi
	@echo 'installing packages'
	@npm ci --no-fund --no-audit --loglevel=error
	@cp package-lock.json $(installed)

check: install ## types, lint, import law, generated files, dead code, tests without machines (under 90 s)
	@$(node) tools/test.ts --fast

test: install ## everything: check, then end-to-end tests on lab machines
	@$(node) tools/test.ts

demo: install ## three bare machines become a highly available etcd, or with TOPOLOGY=stacked a Kubernetes cluster
	@$(node) tools/demo.ts up '$(TOPOLOGY)'

demo-down: install ## removes the demo, whichever it is, and every trace of it
	@$(node) tools/demo.ts down

soak: install ## the simulation on SEEDS= schedules (default 100000)
	@$(node) tools/soak.ts --seeds $(or $(SEEDS),100000)

soak-lab: install ## kills keelson at every step, each on fresh machines
	@$(node) tools/soak-lab.ts

bench: install ## measures keelson against the documented procedure (ARGS='--only install --rounds 3')
	@$(node) bench/run.ts $(ARGS)
