# Targets for development. They need only Go and make; go run fetches the tools, pinned here.

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.8.0

# The library and the nested modules, whose dependencies users of the library must not get. The CDK app in
# examples/sqs/cdk is omitted, since it needs Node and the CDK.
MODULES := $(patsubst %/,%,$(dir $(wildcard go.mod */go.mod examples/*/go.mod)))
export GOWORK := off
each = @set -e; for module in $(MODULES); do echo "$$module: $(1)"; (cd $$module && $(1)); done
# Tests of nested modules read files of the library, and Go's cache of test results ignores files outside of a module.
uncached = $$(test $$module = . || echo -count=1)

EVENTS := testdata/events
EXAMPLE := examples/sqs

# The targets of make fuzz, as package:target, and the time for each: make fuzz FUZZTIME=10m.
FUZZ := internal/jsonscan:FuzzAgainstEncodingJSON sources:FuzzSQS sources:FuzzKinesis sources:FuzzDynamoDB sources:FuzzAssembled sources:FuzzPipes sources:FuzzDecodeNeverPanics \
	kafka:FuzzDecode kafka:FuzzRecord kafka:FuzzHeaders kafka:FuzzConfluent kafka:FuzzGlue typed:FuzzJSON typed:FuzzItem typed:FuzzImages envelope:FuzzEnvelopes envelope:FuzzOffloaded kpl:FuzzUnpack \
	firehose:FuzzDecode s3batch:FuzzDecode internal/jsonfault:FuzzFind cmd/demo/check:FuzzCheck \
	test/fuzz:FuzzInvokeSQS test/fuzz:FuzzInvokeKinesis test/fuzz:FuzzInvokeDynamoDB test/fuzz:FuzzInvokeKafka \
	test/fuzz:FuzzInvokeWindow test/fuzz:FuzzInvokeAggregates test/fuzz:FuzzInvokeBulk test/fuzz:FuzzInvokeThen \
	lambdasim/history:FuzzEventsComeBackAsTheyWere
FUZZTIME ?= 1m

# The number of draws of make test-long.
DRAWS ?= 100000

# The duration of make soak.
SOAK ?= 1h

.PHONY: help
help: ## List the targets (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## Run the demo: a few seconds of simulated sources with faults, and a verdict
	@echo "Simulated queues, streams and a topic deliver records to a handler that fails, panics and hangs at times."
	@echo "Failed records are redelivered as in Lambda. A checker that is independent of troupe verifies the run."; echo
	@bin/demo stress --html bin/run.html
	@echo; echo "Open bin/run.html in a browser for charts and a timeline of the attempts. Next, try:"; echo; \
	echo "  bin/demo stress --source fifo --policy stop-group                one source, another policy; bin/demo stress --help"; \
	echo "  make events                                                      sample events and their responses"; \
	echo "  bin/demo plan --rate 500 --work 200ms --batch 100 --window 1s    how many environments a workload needs"

.PHONY: events
events: build ## Run the sample events through the demo and show the responses
	@show() { \
	  echo; echo "$$1"; event=$(EVENTS)/$$2; shift 2; set -- invoke "$$@" "$$event"; \
	  echo "$$ bin/demo $$*"; bin/demo "$$@"; \
	}; set -e; \
	echo "Each batch goes through a processor. Standard error contains the report, standard output the response to"; \
	echo "Lambda: the records to redeliver. Each record describes what its handler does."; \
	show "SQS, standard queue: two messages fail (…8e02, …0d35), one panics, one calls runtime.Goexit; three succeed." sqs.json; \
	show "The same with one more attempt in place: the message that fails only once (…0d35) is no longer reported." sqs.json --retry 1; \
	show "SQS FIFO: payment b2 (…0005) fails, so nothing new starts in any group; running handlers may finish." fifo.json; \
	show "The same, stopping only the group of b2: only b2 (…0005) and b3 (…0006) are redelivered, in order." fifo.json --policy stop-group; \
	show "Kinesis: a failure stops its partition key, and a panic is a failure; other keys continue." kinesis.json; \
	show "DynamoDB Streams: a failure stops its item, identified by all key attributes; other items continue." dynamodb.json; \
	show "Kafka: a failure stops its partition; other partitions continue." kafka-msk.json; \
	show "Nothing delays the response: not an invalid body, a hang, or work beyond the timeout." poison.json --timeout 1s; \
	echo; echo "Try your own: echo '{\"Records\":[]}' | bin/demo invoke -     More: bin/demo --help"

.PHONY: build
build: ## Build the demo: bin/demo
	go build -o bin/demo ./cmd/demo

.PHONY: lambda
lambda: ## Zip a function for Lambda, for arm64 and amd64: examples/sqs, or EXAMPLE=examples/…
	go run ./examples/internal/bundle ./$(EXAMPLE) bin

.PHONY: test
test: ## Run all tests that need no servers
	$(call each,go test $(uncached) ./...)
	@echo "Skipped: tests of stores and queues with real servers, and with Powertools; run make integration for these."

.PHONY: integration
integration: ## Run the tests that need real servers, which it installs, starts and stops
	test/integration/run.sh

.PHONY: test-long
test-long: ## Compare 100,000 random cases with the model (DRAWS=…), and run the tests that are too long for make test
	go test ./test/properties -run '^Test(Answers|Redelivery)(Are|Is)TheModels$$' -v -count=1 -timeout 0 -args -model.draws=$(DRAWS)
	go test ./cmd/demo/plan -run '^TestAMillionMessagesAMinute$$' -v -count=1 -args -plan.million
	go test ./test/process/hostile -run '^TestAProcessFullOfSpinningHandlersAnswers$$' -v -count=1 -args -hostile.spin
	go test ./lambdasim -run HundredThousand -v -count=1 -args -lambdasim.million

.PHONY: soak
soak: ## Run all sources with faults and hangs for SOAK (1h) and check that memory and goroutines do not grow
	@mkdir -p bin
	go test ./test/process/soak -run '^TestSoak$$' -v -count=1 -timeout 0 -args -soak.for=$(SOAK) \
	  -soak.out="$(CURDIR)/bin/soak-$$(git describe --always --dirty --exclude '*' 2>/dev/null || echo unknown)"

.PHONY: race
race: ## Run all tests under the race detector, which needs a C compiler
	$(call each,go test -race $(uncached) ./...)

.PHONY: lint
lint: ## Check format, go vet and staticcheck
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not formatted by gofmt:"; echo "$$unformatted"; exit 1; }
	$(call each,go vet ./...)
	$(call each,go run $(STATICCHECK) ./...)

.PHONY: vuln
vuln: ## Look for known vulnerabilities; prints NOT CHECKED if the database is unreachable, which fails on GitHub
	@for module in $(MODULES); do \
	  echo "$$module: go run $(GOVULNCHECK) ./..."; \
	  out=$$(cd $$module && go run $(GOVULNCHECK) ./... 2>&1) && code=0 || code=$$?; echo "$$out"; \
	  case "$$code:$$out" in \
	    0:*) ;; \
	    *"fetching vulnerabilities"*) \
	      echo "vuln: NOT CHECKED, the vulnerability database is unreachable; docs/advisories.md lists known advisories"; \
	      test -z "$$GITHUB_ACTIONS"; exit ;; \
	    *) exit 1 ;; \
	  esac; \
	done

.PHONY: breaks
breaks: ## Break the library in each way that tools/breaks lists and check that a test fails (BREAKS="late payload")
	go run -C tools ./breaks $(BREAKS)

.PHONY: mutants
mutants: ## Mutate the library and check that a test fails; half an hour or more (MUTANTS="-only supervisor/")
	go run -C tools ./mutants $(MUTANTS)

.PHONY: bench
bench: ## Run the benchmarks of the packages, and sqspoll against hand-written loops
	go test -run '^$$' -bench . -benchmem . ./sources ./kafka ./typed ./envelope ./observe/...
	cd aws && go test ./sqspoll -run '^TestThroughput$$' -v -count=1 -timeout 0 -args -sqspoll.compare=4000

.PHONY: versus
versus: ## Compare the speed with another commit, in one process (BASE=commit, VERSUS="-rounds 201 -only Invoke")
	go run -C tools ./versus $(VERSUS) $(BASE)

.PHONY: compare
compare: ## Compare troupe with its rivals, three runs on each version of Go; writes the tables and the chart in docs/
	cd tools/compare && GOTOOLCHAIN=go1.26.11 go run . -rounds 15 -runs 3 -markdown ../../docs/benchmarks.md
	cd tools/compare && GOTOOLCHAIN=go1.27.4 go run . -rounds 15 -runs 3 -markdown ../../docs/benchmarks.md -svg ../../docs/compare.svg

# The packages that make cover measures, with their tests and those in test, and the required coverage of each in percent.
COVER := . ./messages ./sources ./actors ./supervisor ./response ./firehose ./s3batch
COVERED := 99
empty :=
comma := ,

.PHONY: cover
cover: ## Measure which statements tests cover; fails if it is less than 99 % of a package's
	@mkdir -p bin
	go test -coverpkg=$(subst $(empty) $(empty),$(comma),$(COVER)) -coverprofile=bin/cover.out $(COVER) ./bulk ./test/semantics ./test/properties
	@awk -v least=$(COVERED) 'NR > 1 { size[$$1] = $$2; runs[$$1] += $$3 } \
	  END { for (b in size) { p = b; sub("/[^/]*$$", "", p); all[p] += size[b]; if (runs[b]) hit[p] += size[b]; else if (size[b]) print "not covered: " b } \
	    for (p in all) { printf "%-48s %5.1f %% of %d statements\n", p, 100 * hit[p] / all[p], all[p]; if (100 * hit[p] < least * all[p]) low = 1 } \
	    if (low) { print "cover: each package must have at least " least " %: write a test"; exit 1 } }' bin/cover.out

.PHONY: fuzz
fuzz: ## Fuzz the decoders, each for FUZZTIME (1m)
	for target in $(FUZZ); do go test "./$${target%:*}" -run '^$$' -fuzz "^$${target#*:}$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x || exit 1; done

.PHONY: consumer
consumer: ## Build programs that get the modules of this tree from a module proxy, as users do
	go run -C tools ./consumer

.PHONY: check
check: lint test race vuln ## Run lint, test, race and vuln
