package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
)

// Values of --source and --report; the other values of --source are those of batch.Source.
const (
	sourceAuto = "auto"
	sourceFIFO = "fifo" // of stress, like sourceAll
	sourceAll  = "all"

	reportText = "text"
	reportJSON = "json"
	reportNone = "none"
)

const defaultTimeout = 30 * time.Second

// options are the result of a command line and the environment.
type options struct {
	name    string // of the command, for messages: demo or troupe
	program string // as it was called, for the command lines that are printed
	command string
	source  string
	file    string        // of invoke; "-" for standard input
	timeout time.Duration // of an invocation; 0 for none
	report  string
	trace   bool
	// processor has only the options set by a flag or its variable: an option in code takes precedence
	// over the POWERTOOLS_… variables.
	processor []troupe.Option
	given     map[string]string // see flagSet
	policy    troupe.Policy     // resulting from them and the variables
	unordered bool
	errorWhen troupe.ErrorWhen
	retries   int // more attempts at a failed record in an invocation
	// concurrency is that of an invocation, for the description of a run.
	concurrency int
	stress      workload // of stress
	planned     planned  // of plan
	checked     checked  // of check
}

// parse reads the command line of a command that was called as program. A flag takes precedence over its variable:
// --record-timeout over TROUPE_DEMO_RECORD_TIMEOUT; an empty variable counts as unset.
func parse(name, program string, args []string, getenv func(string) string) (options, error) {
	command, args, err := commandOf(program, args, getenv)
	if err != nil {
		return options{name: name}, err
	}
	o := options{name: name, program: program, command: command}
	flags, settle := flagsOf(&o)
	if err := flags.parse(args); errors.Is(err, pflag.ErrHelp) {
		return options{name: name}, helpRequest{program, command}
	} else if err != nil {
		return options{name: name}, usageError{program, command, err}
	}
	if command != commandPlan && command != commandCheck { // whose flags have other meanings
		err = flags.fromEnvironment(getenv)
	}
	if err == nil {
		err = settle(getenv)
	}
	if err != nil {
		return options{name: name}, usageError{program, command, err}
	}
	return o, nil
}

// flagsOf defines the flags of o's command. settle, called once they are parsed, fills in derived values and rejects
// invalid combinations.
func flagsOf(o *options) (flags *flagSet, settle func(getenv func(string) string) error) {
	flags = newFlagSet(o.command)
	switch o.command {
	case commandPlan:
		return flags, o.planned.flags(flags)
	case commandCheck:
		return flags, o.checked.flags(flags)
	case commandStress:
		processor := o.stress.flags(flags, o)
		return flags, func(getenv func(string) string) error {
			if err := processor(getenv); err != nil {
				return err
			}
			return o.stress.settle(flags, *o)
		}
	}
	flags.choose(&o.source, "source", sourceAuto, "the source of the event; auto uses the eventSource of the first record or of the event",
		sourceAuto, string(batch.SQS), string(batch.Kinesis), string(batch.DynamoDB), string(batch.Kafka), string(batch.Firehose), string(batch.S3Batch))
	processor := processorFlags(flags, o)
	timeout, usage := defaultTimeout, "the function's timeout; 0 for none"
	if o.command == commandServe {
		timeout, usage = 0, "limit for an invocation, in addition to the deadline of the Runtime API (default: no limit)"
	}
	flags.DurationVar(&o.timeout, "timeout", timeout, usage)
	flags.choose(&o.report, "report", reportText, "how to report each batch on standard error", reportText, reportJSON, reportNone)
	flags.BoolVar(&o.trace, "trace", false, "write a line of JSON to standard error for each start and end of an attempt")
	return flags, func(getenv func(string) string) error {
		if err := processor(getenv); err != nil {
			return err
		}
		if o.timeout < 0 {
			return flags.bad("timeout", "must be at least 0; 0 means no timeout")
		}
		if flags.isGiven("lowest-only") && o.source == string(batch.SQS) {
			return flags.bad("lowest-only", "must be used with a stream or topic, not with --source sqs")
		}
		return o.arguments(flags.Args())
	}
}

// arguments handles the arguments that are not flags.
func (o *options) arguments(args []string) error {
	switch {
	case o.command == commandServe && len(args) > 0:
		return fmt.Errorf("unexpected argument %q: serve takes flags only; the events come from the Lambda Runtime API", args[0])
	case o.command == commandServe:
	case len(args) != 1:
		return fmt.Errorf("%s given; must be one event file, or - for standard input", count(len(args), "file"))
	default:
		o.file = args[0]
	}
	return nil
}

// processorFlags defines the flags of the processor. settle derives the options that were given and the policy.
func processorFlags(flags *flagSet, o *options) (settle func(getenv func(string) string) error) {
	var policy, errorWhen string
	policies := named(troupe.Derive, troupe.Continue, troupe.StopBatch, troupe.StopGroup)
	flags.choose(&policy, "policy", "", "how a failed record affects the rest of its batch (default derive: by source)", policies.names...)
	concurrency := flags.Int("concurrency", 0, "how many handlers run at once in an invocation (default 16)")
	errorWhens := choices[troupe.ErrorWhen]{
		names: []string{"all", "any", "never"}, values: []troupe.ErrorWhen{troupe.ErrorWhenAll, troupe.ErrorWhenAny, troupe.ErrorWhenNever},
	}
	flags.choose(&errorWhen, "error-when", "", "how many records must fail for the invocation to return an error (default all)", errorWhens.names...)
	reserve := flags.Duration("reserve", 0, "how long before the timeout handlers must end (default 500ms, or a fifth of the time left)")
	recordTimeout := flags.Duration("record-timeout", 0, "how long one attempt at a record may take (default: no limit)")
	retry := flags.Int("retry", 0, "how many more attempts a failed record gets within the invocation")
	flags.BoolVar(&o.unordered, "unordered", false, "ignore the order of FIFO queues, streams and topics")
	lowestOnly := flags.Bool("lowest-only", false, "for streams and topics, report only the lowest failed sequence number or offset")

	return func(getenv func(string) string) error {
		switch {
		case flags.isGiven("concurrency") && *concurrency < 1:
			return flags.bad("concurrency", "must be a whole number of at least 1")
		case flags.isGiven("reserve") && *reserve <= 0:
			return flags.bad("reserve", "must be a duration longer than 0")
		case flags.isGiven("record-timeout") && *recordTimeout <= 0:
			return flags.bad("record-timeout", "must be a duration longer than 0")
		case *retry < 0:
			return flags.bad("retry", "must be a whole number of at least 0")
		}
		o.given = flags.given
		o.policy, o.errorWhen, o.retries, o.concurrency = policies.value(policy), errorWhens.value(errorWhen), *retry, *concurrency
		if !flags.isGiven("concurrency") {
			o.concurrency = concurrencyOf(getenv)
		}
		if !flags.isGiven("policy") && strings.EqualFold(getenv("POWERTOOLS_BATCH_ERROR_HANDLING_POLICY"), "ContinueOnBatchItemFailure") {
			o.policy = troupe.Continue
		}
		add := func(name string, option troupe.Option) {
			if flags.isGiven(name) {
				o.processor = append(o.processor, option)
			}
		}
		add("policy", troupe.WithPolicy(o.policy))
		add("concurrency", troupe.WithConcurrency(*concurrency))
		add("error-when", troupe.WithErrorWhen(errorWhens.value(errorWhen)))
		add("reserve", troupe.WithReserve(*reserve))
		add("record-timeout", troupe.WithRecordTimeout(*recordTimeout))
		if *retry != 0 {
			add("retry", troupe.WithRetry(troupe.Retry{Times: *retry}))
		}
		if o.unordered {
			add("unordered", troupe.WithoutOrder())
		}
		if *lowestOnly {
			add("lowest-only", troupe.WithLowestOnly())
		}
		return nil
	}
}

// defaultConcurrency is troupe's default.
const defaultConcurrency = 16

// concurrencyOf returns the concurrency without a flag: the variable's, or troupe's default.
func concurrencyOf(getenv func(string) string) int {
	if n, err := strconv.Atoi(getenv("POWERTOOLS_BATCH_MAX_DEGREE_OF_PARALLELISM")); err == nil && n > 0 {
		return n
	}
	return defaultConcurrency
}
