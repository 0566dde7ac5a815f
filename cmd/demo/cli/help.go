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

// In these texts PROGRAM is the path by which the program was called, SELF is that of the command, and layout fits them to the terminal.

const demoHelp = `
Usage: PROGRAM [COMMAND]

SELF tries troupe out without AWS.

`

const demoMoreHelp = `
  PROGRAM COMMAND --help	the flags of a command, with examples
  PROGRAM --version	the version of troupe and Go
`

const variablesHelp = `. Each can also be set by a variable, --record-timeout by TROUPE_DEMO_RECORD_TIMEOUT. A flag takes precedence over the
variable, the variable over the POWERTOOLS_BATCH_… variables, and those over the default.

`

const invokeHelp = `
Usage: PROGRAM invoke [flags] FILE|-

SELF invoke runs one event file, or standard input, through a processor. The response goes to standard output, everything
else to standard error.

  PROGRAM invoke testdata/events/sqs.json
  PROGRAM invoke --policy stop-group testdata/events/fifo.json
  echo '{"Records":[]}' | PROGRAM invoke -

Each record describes what its handler does: in JSON in the body of an SQS message, the data of a Kinesis record or the
value of a Kafka record, or in attributes of the same names in the NewImage, or else the Keys, of a DynamoDB record.

  {"do":"ok|fail|panic|exit|hang", "for":"20ms", "times":N}

  exit	call runtime.Goexit, which ends the handler's goroutine but not the process
  hang	ignore the context and never return
  for	work this long first, and return the context's error if it ends before
  times	only the first N attempts in this process do it; later ones succeed

A record that describes nothing succeeds.

`

const invokeCodesHelp = `
invoke exits with 0 if there was a response, 1 if the invocation returned an error, 2 on bad usage, and with 130 (SIGINT)
or 143 (SIGTERM) if a signal came before the event was read.
`

const serveHelp = `
Usage: PROGRAM serve [flags]

SELF serve is a handler of troupe's as a Lambda function. It requests events from the Lambda Runtime API at
$` + runtimeAPI + ` and answers them. Lambda sets that variable when it starts the function, and so does a test that
implements the Runtime API. To try an event without Lambda:

  PROGRAM invoke FILE|-

In your own tests, call Process or Invoke of your processor.

`

const serveCodesHelp = `
serve exits with 2 on bad usage.
`

const stressHelp = `
Usage: PROGRAM [stress] [flags]

SELF stress puts the real processor under load and faults from simulated sources, with Lambda's event source mapping and
its retries. A checker that does not know troupe judges from the history whether a record was lost, whether order was kept
and whether every response was valid and in time.

  PROGRAM	a few seconds on every source
  PROGRAM stress --duration 1m --html bin/run.html	a page with charts and a timeline of the attempts
  PROGRAM stress --report json	the report as one JSON object, for a script
  PROGRAM stress --source fifo --records 20000 --groups 500 --policy stop-group
  PROGRAM stress --pipe --source kinesis	the source behind a pipe of EventBridge
  PROGRAM stress --idempotent --hang 0.01 --kill 0.01	work done once, although processes die
  PROGRAM stress --source fifo --backoff 1s --dead-letter-after 2	messages return sooner, and a poison message goes alone

--records, --invocations and --duration are limits; the first one reached ends the run. What happens to a record is drawn
from the seed, its identifier and the number of the attempt, so a seed repeats the faults. A failed record is redelivered
until it succeeds or is given up on: a message goes to the dead-letter queue after 3 receives, and after 10 retries of a
stream's batch Lambda sends what is left of it to the on-failure destination and goes on.

Some defaults keep a run within seconds and are no advice for a deployment:

  timeout of the function	2s, so that a handler that hangs ends soon
  visibility timeout of a queue	the function's timeout and the batching window, so that failed messages are redelivered soon. AWS recommends six times the timeout, and the window on top.
  reserve	45% of the timeout, 2s at most. All invocations share this machine, whose timers are late under load. troupe's own default is 500ms, or a fifth of the time left.
  retries of a stream	after 100ms

With --pipe a pipe of EventBridge reads each source: the event is a bare array, and it delivers again what was reported and
nothing else.

With --idempotent senders send a fifth of the records twice, and handlers do the work of each key once, by package
idempotency with a store in memory. Processes are killed between a work and its completion, the store fails, and handlers that
hang do their work after their lease. The checker counts how often the work of each key was done. More than once needs a
reason that the history shows: a crash after the work, a lost lease, or a completion that was not recorded.

`

const stressCodesHelp = `
stress exits with 0 if the run passed, 1 if it failed, 2 on bad usage, and with 130 after SIGINT (Ctrl-C) or 143 after
SIGTERM. The first signal ends the run with the report so far; a second one ends the process at once.
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

SELF check reads how event sources, queues and functions are set up, and names the settings that lose messages, with file
and line. It asks AWS for nothing. FILE is any of these, or - for standard input:

  a SAM or CloudFormation template	YAML or JSON, also what cdk synth writes
  terraform show -json	of a plan or a state
  aws lambda list-event-source-mappings	also get-function-configuration and list-functions
  aws sqs get-queue-attributes	with --attribute-names All

Files given together are checked together: a mapping in one file finds its queue in another.

  PROGRAM check template.yaml
  terraform show -json plan.out | PROGRAM check -
  PROGRAM check --format sarif template.yaml > check.sarif

The rules, each with the page of AWS that it comes from:

`

const checkCodesHelp = `
Where an intrinsic function hides a value, check says that it is not known. check exits with 0 if nothing was found, 1 on
findings, and 2 on bad usage or a file that cannot be read.
`

// ruleUsages returns the rows of the rules of check.
func ruleUsages() string {
	var b strings.Builder
	for _, r := range check.Rules() {
		b.WriteString("  " + r.ID + "\t" + r.Title + ". " + r.Help + " " + r.Page + "\n")
	}
	return b.String()
}
