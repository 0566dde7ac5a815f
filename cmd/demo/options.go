package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/messages"
)

// The commands.
const (
	commandInvoke = "invoke"
	commandServe  = "serve"
	commandStress = "stress"
	commandPlan   = "plan"
)

// Values of --source and --report; the other values of --source are those of messages.Source.
const (
	sourceAuto = "auto"
	sourceFIFO = "fifo" // of stress, as sourceAll is
	sourceAll  = "all"

	reportText = "text"
	reportJSON = "json"
	reportNone = "none"
)

const defaultTimeout = 30 * time.Second

// options are what a command line and the environment come to.
type options struct {
	program string // as it was called, for the command lines that are printed
	command string
	source  string
	file    string        // of invoke; "-" for standard input
	timeout time.Duration // of an invocation; 0 for none
	report  string
	trace   bool
	// processor holds what was set by a flag or its variable, and only that: an option in code would beat
	// the POWERTOOLS_… variables.
	processor []troupe.Option
	policy    troupe.Policy // that they and the variables come to
	unordered bool
	stress    workload // of stress
	// planned is of plan, which has flags of its own.
	planned planned
}

// helpRequest is the answer to --help; as an error it ends the parsing.
type helpRequest string

func (helpRequest) Error() string { return "help was asked for" }

// parse reads the command line of the program that was called by that name. A flag beats its variable:
// --record-timeout beats TROUPE_DEMO_RECORD_TIMEOUT; an empty variable is an unset one.
func parse(program string, args []string, getenv func(string) string) (options, error) {
	command, args, err := commandOf(program, args, getenv)
	if err != nil {
		return options{}, err
	}
	if command == commandPlan {
		p, err := parsePlan(program, args)
		return options{program: program, command: command, planned: p}, err
	}
	o := options{program: program, command: command}
	flags, setProcessor := flagsOf(&o)
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return options{}, helpRequest(help(program, command))
		}
		return options{}, fmt.Errorf("%s: %w", command, err)
	}
	if err := fromEnvironment(flags, getenv); err != nil {
		return options{}, err
	}
	setProcessor()
	if !flags.Changed("policy") && strings.EqualFold(getenv("POWERTOOLS_BATCH_ERROR_HANDLING_POLICY"), "ContinueOnBatchItemFailure") {
		o.policy = troupe.Continue
	}

	switch {
	case command == commandStress:
		err = o.stress.settle(flags, o)
	case o.timeout < 0:
		err = fmt.Errorf("--timeout %v: a duration from 0 is needed; 0 is no timeout", o.timeout)
	case command == commandServe && flags.NArg() > 0:
		err = fmt.Errorf("unexpected %q: the events come from the Lambda Runtime API", flags.Arg(0))
	case command == commandServe:
		if !flags.Changed("timeout") {
			o.timeout = 0 // the Runtime API has a deadline for each invocation
		}
	case flags.NArg() != 1:
		err = fmt.Errorf("one event file is needed, or - for standard input; %d were given", flags.NArg())
	default:
		o.file = flags.Arg(0)
	}
	if err != nil {
		return options{}, fmt.Errorf("%s: %w", command, err)
	}
	return o, nil
}

// commandOf takes the command off args. Lambda starts a function's program without arguments, so there the
// command is serve.
func commandOf(program string, args []string, getenv func(string) string) (string, []string, error) {
	if len(args) == 0 && getenv(runtimeAPI) != "" {
		return commandServe, nil, nil
	}
	first := commandStress
	if len(args) > 0 {
		first = args[0]
	}
	switch {
	case first == "help" || first == "--help" || first == "-h":
		return "", nil, helpRequest(help(program, ""))
	case len(args) == 0 || strings.HasPrefix(first, "-"): // stress is the default command
		return commandStress, args, nil
	case first == commandStress || first == commandInvoke || first == commandServe || first == commandPlan:
		return first, args[1:], nil
	default:
		return "", nil, fmt.Errorf("there is no command %q; the commands are stress, invoke, serve and plan, see %s --help", first, program)
	}
}

// flagsOf defines the flags of o's command. setProcessor, called once they have their values, fills in what
// is about the processor.
func flagsOf(o *options) (flags *pflag.FlagSet, setProcessor func()) {
	flags = pflag.NewFlagSet("demo", pflag.ContinueOnError)
	flags.Usage = func() {} // parse's caller prints the help
	flags.SortFlags = false
	if o.command == commandStress {
		return flags, o.stress.flags(flags, o)
	}
	choose(flags, &o.source, "source", sourceAuto, "where the event comes from; auto reads the first record's eventSource, or the event's",
		sourceAuto, string(messages.SQS), string(messages.Kinesis), string(messages.DynamoDB), string(messages.Kafka))
	setProcessor = processorFlags(flags, o)
	flags.DurationVar(&o.timeout, "timeout", defaultTimeout, "when Lambda would give up on the invocation; 0 for never. serve: at most this, beside the Runtime API's deadline")
	choose(flags, &o.report, "report", reportText, "what to tell of the batch on standard error", reportText, reportJSON, reportNone)
	flags.BoolVar(&o.trace, "trace", false, "write a JSON line per start and end of an attempt to standard error")
	return flags, setProcessor
}

// processorFlags defines the flags that are about the processor. set fills in what they come to: an option
// for each that was set.
func processorFlags(flags *pflag.FlagSet, o *options) (set func()) {
	var policy, errorWhen string
	policies := named(troupe.Derive, troupe.Continue, troupe.Stop, troupe.StopGroup)
	choose(flags, &policy, "policy", "", "what a failed record means for the others (default derive: by source)", policies.names...)
	concurrency := flags.Int("concurrency", 0, "how many handlers run at once in an invocation (default 16)")
	errorWhens := choices[troupe.ErrorWhen]{
		names: []string{"all", "any", "never"}, values: []troupe.ErrorWhen{troupe.ErrorWhenAll, troupe.ErrorWhenAny, troupe.ErrorNever},
	}
	choose(flags, &errorWhen, "error-when", "", "how many records must fail for the invocation to return an error (default all)", errorWhens.names...)
	reserve := flags.Duration("reserve", 0, "how long before the timeout handlers have to end (default 500ms, or a fifth of the time left)")
	recordTimeout := flags.Duration("record-timeout", 0, "how long one attempt at a record may take (default: no limit)")
	retry := flags.Int("retry", 0, "how many more attempts a failed record gets within the invocation")
	flags.BoolVar(&o.unordered, "unordered", false, "give up the order of FIFO queues and streams")
	lowestOnly := flags.Bool("lowest-only", false, "streams: report only the lowest failed sequence number")

	return func() {
		o.policy = policies.value(policy)
		add := func(name string, option troupe.Option) {
			if flags.Changed(name) {
				o.processor = append(o.processor, option)
			}
		}
		add("policy", o.policy)
		add("concurrency", troupe.WithConcurrency(*concurrency))
		add("error-when", errorWhens.value(errorWhen))
		add("reserve", troupe.WithReserve(*reserve))
		add("record-timeout", troupe.WithRecordTimeout(*recordTimeout))
		if *retry != 0 {
			add("retry", troupe.Retry{Times: *retry})
		}
		if o.unordered {
			add("unordered", troupe.WithoutOrder())
		}
		if *lowestOnly {
			add("lowest-only", troupe.WithLowestOnly())
		}
	}
}

// fromEnvironment sets each flag that the command line did not set from its variable, if there is one.
func fromEnvironment(flags *pflag.FlagSet, getenv func(string) string) (err error) {
	flags.VisitAll(func(f *pflag.Flag) {
		name := "TROUPE_DEMO_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value := getenv(name)
		if f.Changed || value == "" || err != nil {
			return
		}
		if e := flags.Set(f.Name, value); e != nil {
			err = fmt.Errorf("%s: %w", name, e)
		}
	})
	return err
}

// choices are the names that a flag takes and what they mean.
type choices[T any] struct {
	names  []string
	values []T
}

// named are the choices among values that know their names.
func named[T fmt.Stringer](values ...T) choices[T] {
	c := choices[T]{values: values}
	for _, v := range values {
		c.names = append(c.names, v.String())
	}
	return c
}

// value returns what name means, the zero value if it was not chosen from c.
func (c choices[T]) value(name string) (v T) {
	if i := slices.Index(c.names, name); i >= 0 {
		v = c.values[i]
	}
	return v
}

// choice is a flag that takes one of a few words.
type choice struct {
	chosen  *string
	allowed []string
}

func choose(flags *pflag.FlagSet, p *string, name, value, usage string, allowed ...string) {
	*p = value
	flags.Var(&choice{p, allowed}, name, usage)
}

func (c *choice) String() string { return *c.chosen }
func (c *choice) Type() string   { return strings.Join(c.allowed, "|") }

func (c *choice) Set(value string) error {
	if !slices.Contains(c.allowed, value) {
		return fmt.Errorf("allowed are %s", strings.Join(c.allowed, ", "))
	}
	*c.chosen = value
	return nil
}
