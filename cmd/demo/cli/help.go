package cli

import (
	"strings"

	"github.com/troupe-go/troupe/cmd/demo/check"
)

// help returns the text of --help, of a command or the main one. Its lines have at most width columns.
func help(name, program, command string, width int) string {
	var text string
	switch command {
	case commandStress:
		text = stressHelp + "Flags" + variablesHelp + flagUsages(command) + stressCodesHelp
	case commandInvoke:
		text = invokeHelp + "Flags" + variablesHelp + flagUsages(command) + invokeCodesHelp
	case commandPlan:
		text = planHelp + "Flags:\n\n" + flagUsages(command) + planCodesHelp
	case commandCheck:
		text = checkHelp + ruleUsages() + "\nFlags:\n\n" + flagUsages(command) + checkCodesHelp
	case commandServe:
		text = serveHelp + "Flags" + variablesHelp + flagUsages(command) + serveCodesHelp
	default:
		text = demoHelp + commandUsages() + demoMoreHelp
	}
	return layout(strings.TrimSpace(strings.NewReplacer("PROGRAM", program, "SELF ", name+" ").Replace(text)), width)
}

func flagUsages(command string) string {
	flags, _ := flagsOf(&options{command: command})
	return flags.usages()
}

// commandUsages returns the rows of the commands.
func commandUsages() string {
	var b strings.Builder
	for _, c := range commands {
		b.WriteString("  " + c.name + " " + c.arguments + "\t" + c.summary + "\n")
	}
	return b.String()
}

// In these texts PROGRAM is the path of the program and SELF the name of the command. layout fits the texts to the
// terminal.

const demoHelp = `
Usage: PROGRAM [COMMAND]

SELF demonstrates troupe without AWS.

`

const demoMoreHelp = `
  PROGRAM COMMAND --help	the flags of a command, with examples
  PROGRAM --version	the version of troupe and Go
`

const variablesHelp = `. Each can also be set by an environment variable, such as --record-timeout by TROUPE_DEMO_RECORD_TIMEOUT. Flags take
precedence over these variables, which take precedence over the POWERTOOLS_BATCH_… variables and the defaults.

`

const invokeHelp = `
Usage: PROGRAM invoke [flags] FILE|-

SELF invoke runs an event from a file, or from standard input, through a processor. It prints the response to standard
output and everything else to standard error.

  PROGRAM invoke testdata/events/sqs.json
  PROGRAM invoke --policy stop-group testdata/events/fifo.json
  echo '{"Records":[]}' | PROGRAM invoke -

Each record describes what its handler does: in JSON in the body of an SQS message, the data of a Kinesis record or the
value of a Kafka record, or in attributes of the same names in the NewImage, or else the Keys, of a DynamoDB record.

  {"do":"ok|fail|panic|exit|hang", "for":"20ms", "times":N}

  exit	call runtime.Goexit, which ends the handler's goroutine but not the process
  hang	ignore the context and never return
  for	work this long first, and return the context's error if it ends before
  times	do this only in the first N attempts in this process; later attempts succeed

A record without a description succeeds.

`

const invokeCodesHelp = `
invoke exits with 0 if there was a response, 1 if the invocation returned an error, 2 on bad usage, and with 130 (SIGINT)
or 143 (SIGTERM) if a signal arrived before the event was read.
`

const serveHelp = `
Usage: PROGRAM serve [flags]

SELF serve runs as a Lambda function: it requests events from the Lambda Runtime API at $` + runtimeAPI + `
and returns the responses. Lambda sets this variable when it starts the function. To run an event without Lambda:

  PROGRAM invoke FILE|-

In your own tests, call Process or Invoke of your processor.

`

const serveCodesHelp = `
serve exits with 2 on bad usage.
`

const stressHelp = `
Usage: PROGRAM [stress] [flags]

SELF stress runs the real processor under load and faults, with simulated sources, event source mappings and retries. From
the history, a checker that is independent of troupe verifies that no record was lost, that order was kept, and that every
response was valid and in time.

  PROGRAM	a few seconds on every source
  PROGRAM stress --duration 1m --html bin/run.html	a page with charts and a timeline of the attempts
  PROGRAM stress --report json	the report as one JSON object, for a script
  PROGRAM stress --source fifo --records 20000 --groups 500 --policy stop-group
  PROGRAM stress --pipe --source kinesis	the source behind an EventBridge pipe
  PROGRAM stress --idempotent --hang 0.01 --kill 0.01	the work of each key done once, although processes die
  PROGRAM stress --source fifo --backoff 1s --dead-letter-after 2	messages return sooner, and a poison message is dead-lettered alone

--records, --invocations and --duration are limits; the first one reached ends the run. The seed, the identifier of a record
and the number of the attempt determine what the handler does, so the same seed repeats the faults. A failed record is
redelivered until it succeeds or is discarded: a message moves to the dead-letter queue after 3 receives, and the rest of
a stream's batch goes to the on-failure destination after 10 retries.

Some defaults keep a run short and are not recommendations for a deployment:

  timeout of the function	2s, so that a hanging handler ends soon
  visibility timeout of a queue	the function's timeout plus the batching window, so that failed messages are redelivered soon. AWS recommends six times the timeout plus the window.
  reserve	45% of the timeout, at most 2s. All invocations share this machine, whose timers are late under load. troupe's default is 500ms, or a fifth of the time left.
  retries of a stream	after 100ms

With --pipe an EventBridge pipe reads each source: the event is a bare array, and only reported records are redelivered.

With --idempotent senders send a fifth of the records twice, and handlers use package idempotency with a store in memory to
do the work of each key once. Processes are killed between the work and its completion, the store fails, and hanging handlers
work past their lease. The checker counts how often the work of each key was done. It accepts a repetition only if the
history contains the reason: a crash after the work, a lost lease, or a completion that was not recorded.

`

const stressCodesHelp = `
stress exits with 0 if the run passed, 1 if it failed, 2 on bad usage, and with 130 after SIGINT (Ctrl-C) or 143 after
SIGTERM. The first signal ends the run and prints the report so far; a second one ends the process at once.
`

const planHelp = `
Usage: PROGRAM plan [flags]

SELF plan estimates what a workload needs: how many environments, whether the source keeps up, which limit is reached
first, and how long a backlog takes. It applies the scaling rules that AWS documents and runs nothing.

  PROGRAM plan --rate 500 --work 200ms
  PROGRAM plan --source fifo --groups 40 --rate 100 --work 150ms --backlog 20000
  PROGRAM plan --source kinesis --shards 4 --factor 2 --rate 2000 --work 20ms --timeout 30s

`

const planCodesHelp = `
plan exits with 0, even if the source does not keep up, and with 2 on bad usage.
`

const checkHelp = `
Usage: PROGRAM check [flags] FILE…

SELF check reads the configuration of event sources, queues and functions, and reports settings that lose messages, with
file and line. It makes no calls to AWS. FILE is any of these, or - for standard input:

  a SAM or CloudFormation template	YAML or JSON, including the output of cdk synth
  terraform show -json	of a plan or a state
  aws lambda list-event-source-mappings	also get-function-configuration and list-functions
  aws sqs get-queue-attributes	with --attribute-names All

Files given together are checked together: a mapping in one file finds its queue in another.

  PROGRAM check template.yaml
  terraform show -json plan.out | PROGRAM check -
  PROGRAM check --format sarif template.yaml > check.sarif

The rules, each with the AWS page it is based on:

`

const checkCodesHelp = `
If an intrinsic function hides a value, check reports it as not known.

check exits with 0 if there are no findings, 1 if there are, and 2 on bad usage or if a file cannot be read.
`

// ruleUsages returns the rows of the rules of check.
func ruleUsages() string {
	var b strings.Builder
	for _, r := range check.Rules() {
		b.WriteString("  " + r.ID + "\t" + r.Title + ". " + r.Help + " " + r.Page + "\n")
	}
	return b.String()
}
