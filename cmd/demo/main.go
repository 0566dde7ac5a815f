// Command demo demonstrates troupe without AWS. It runs a processor under load and faults from simulated sources, runs
// an event through it, estimates the capacity for a workload, checks templates for settings that lose messages, or runs
// as a Lambda function.
//
//	demo stress
//	demo invoke testdata/events/sqs.json
//	demo plan --rate 500 --work 200ms
//	demo check template.yaml
//	demo serve
//
// demo --help lists the commands, and demo COMMAND --help the flags of each.
//
// go install names a binary after its folder, and demo is a poor name in a directory of binaries. The same command
// under the name of troupe is
//
//	go install github.com/troupe-go/troupe/cmd/demo/troupe@latest
package main

import (
	"os"

	"github.com/troupe-go/troupe/cmd/demo/cli"
)

func main() { os.Exit(cli.Main("demo")) }
