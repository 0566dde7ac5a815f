package main

import (
	"strings"
	"text/tabwriter"
)

const flagsWidth = 100

// help is the text that --help asks for: of a command, or of all.
func help(program, command string) string {
	switch command {
	case commandStress:
		return calledAs(program, stressHelp) + "\nFlags" + variablesHelp + flagUsages(command)
	case commandServe:
		return calledAs(program, serveHelp) + "\nFlags" + variablesHelp + flagUsages(command)
	default:
		return calledAs(program, demoHelp) + "\nFlags of invoke and serve" + variablesHelp + flagUsages(commandInvoke) + invokeCodesHelp
	}
}

// calledAs is a text for a program that was called by that name, so that its command lines can be typed as they
// stand. Text has PROGRAM for the name, and a tab before what is to stand in a column.
func calledAs(program, text string) string {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	_, _ = table.Write([]byte(strings.ReplaceAll(text, "PROGRAM", program)))
	_ = table.Flush()
	return b.String()
}

const demoHelp = `demo tries troupe out without AWS.

  PROGRAM [stress] [flags]	simulated sources put the processor under load and faults: stress --help
  PROGRAM invoke [flags] FILE|-	one event file through the processor; the response goes to standard output
  PROGRAM plan [flags]	the sums on a load: environments, limits, backlog: plan --help
  PROGRAM serve [flags]	this handler as a Lambda function, for Lambda's Runtime API: serve --help

A record says itself what happens to it: the body of an SQS message, the data of a Kinesis record or the
value of a Kafka record, as JSON; of a DynamoDB record the attributes of the same names in NewImage, else
Keys.

  {"do":"ok|fail|panic|exit|hang","for":"20ms","times":N}

exit   call runtime.Goexit, which ends the handler's goroutine and not the process
hang   ignore the context and never return
for    work first, and end early with the context's error
times  only the first N attempts in this process do it, the later ones are ok
A record without any of them is ok.
`

const invokeCodesHelp = `
invoke exits with 0 if there was a response, 1 if the invocation returned an error, 2 on bad usage.
`

const serveHelp = `demo serve is the demo's handler as a Lambda function: it asks the Lambda Runtime API at
$` + runtimeAPI + ` for events, answers them, and does nothing else. Lambda sets that variable where it starts
the function; so does a test that plays the Runtime API. It is not for trying things out. For that:

  PROGRAM invoke FILE|-	one event through the same handler, without Lambda

and in a test of yours call Process, or Invoke, of your processor. serve exits with 2 on bad usage.
`

const stressHelp = `demo stress has simulated sources, with the event source mapping and the retries of Lambda, put the real
processor under load and faults. A checker that knows nothing of troupe judges by the history whether a
record was lost, order was kept and every answer came in time.

  PROGRAM	a few seconds on every source
  PROGRAM stress --duration 1m --html bin/run.html	a page with charts and a timeline of the attempts
  PROGRAM stress --report json	the report as one JSON object, for a script
  PROGRAM stress --source fifo --records 20000 --groups 500 --policy stop-group

--records, --invocations and --duration are limits; the first one reached ends the run. What happens to a
record is drawn from the seed, its identifier and the number of the attempt, so a seed repeats the faults.
Whatever a handler does, its record comes again, until it has succeeded or is given up on: a message that
was received 3 times goes to the dead-letter queue, and after 10 retries Lambda tells the on-failure
destination of what is left of a stream's batch, and goes on.

Some defaults are no advice: they are there so that a run takes seconds.

  timeout of the function	2s, so that a handler that hangs is over soon
  visibility timeout of a queue	the function's timeout and the batching window, so that what failed comes again
	soon. AWS advises six times the timeout, and the window on top.
  reserve	45% of the timeout, 2s at most. All invocations share this machine, where timers
	are late under load. troupe's own is 500ms, or a fifth of the time left.
  retries of a stream	after 100ms

stress exits with 0 if the verdict holds, 1 if not, 2 on bad usage, and 130 after a Ctrl-C, which ends it
with the report so far; a second one ends it at once.
`

const variablesHelp = `, of which each may also be a variable, --record-timeout as TROUPE_DEMO_RECORD_TIMEOUT; a flag beats
the variable, which beats the POWERTOOLS_BATCH_… variables, which beat the default:

`

func flagUsages(command string) string {
	flags, _ := flagsOf(&options{command: command})
	return flags.FlagUsagesWrapped(flagsWidth)
}
