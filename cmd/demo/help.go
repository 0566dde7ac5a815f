package main

const flagsWidth = 100

// help is the text that --help asks for: of a command, or of all.
func help(command string) string {
	if command == commandStress {
		return stressHelp + "\nFlags" + variablesHelp + flagUsages(commandStress)
	}
	return `demo tries troupe out without AWS.

  demo [stress] [flags]        simulated sources put the processor under load and faults: demo stress --help
  demo invoke [flags] FILE|-   one event file through the processor; the response goes to standard output
  demo serve [flags]           the deployable function, under Lambda or any Runtime API at $` + runtimeAPI + `
  demo plan [flags]            the sums on a load: environments, limits, backlog: demo plan --help

A record says itself what happens to it: the body of an SQS message, the data of a Kinesis record or the
value of a Kafka record, as JSON; of a DynamoDB record the attributes of the same names in NewImage, else
Keys.

  {"do":"ok|fail|panic|exit|hang","for":"20ms","times":N}

for    work first, and end early with the context's error
times  only the first N attempts in this process do it, the later ones are ok
A record without any of the three is ok.

Flags of invoke and serve` + variablesHelp + flagUsages(commandInvoke) + `
invoke exits with 0 if there was a response, 1 if the invocation returned an error, 2 on bad usage.
`
}

const stressHelp = `demo stress has simulated sources, with the event source mapping and the retries of Lambda, put the real
processor under load and faults. A checker that knows nothing of troupe judges by the history whether a
record was lost, order was kept and every answer came in time.

  demo                                             a few seconds on every source
  demo stress --source fifo --records 20000 --groups 500 --policy stop-group
  demo stress --duration 1m --html stress.html     a page with charts and a timeline of the actors
  demo stress --report json | jq .verdict

--records, --invocations and --duration are limits; the first one reached ends the run. What happens to a
record is drawn from the seed, its identifier and the number of the attempt, so a seed repeats the faults.
Whatever a handler does, its record comes again, until it has succeeded or is given up on: a message that
was received 3 times goes to the dead-letter queue, and after 10 retries Lambda tells the on-failure
destination of what is left of a stream's batch, and goes on.

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
