package cli

import (
	"fmt"
	"strings"
)

// The commands.
const (
	commandStress = "stress"
	commandInvoke = "invoke"
	commandPlan   = "plan"
	commandCheck  = "check"
	commandServe  = "serve"
)

// commandSummary is a command's line in the main help.
type commandSummary struct{ name, arguments, summary string }

// commands are in the order in which the main help lists them.
var commands = [...]commandSummary{
	{commandStress, "[flags]", "run the processor under load and faults from simulated sources; the default"},
	{commandInvoke, "[flags] FILE|-", "run an event through the processor and print the response"},
	{commandPlan, "[flags]", "estimate the environments, limits and backlog of a workload"},
	{commandCheck, "[flags] FILE…", "find settings in templates that lose messages"},
	{commandServe, "[flags]", "run as a Lambda function, through the Lambda Runtime API"},
}

func commandNames() (names []string) {
	for _, c := range commands {
		names = append(names, c.name)
	}
	return names
}

func isCommand(name string) bool {
	for _, c := range commands {
		if c.name == name {
			return true
		}
	}
	return false
}

// helpRequest is the error with which --help ends the parsing. The command is empty for the main help.
type helpRequest struct{ program, command string }

func (helpRequest) Error() string { return "help was requested" }

// versionRequest is the error with which --version ends the parsing.
type versionRequest struct{}

func (versionRequest) Error() string { return "the version was requested" }

// usageError is the error of an invalid command line.
type usageError struct {
	program, command string // the command is empty if there is none
	err              error
}

func (e usageError) Error() string {
	if e.command == "" {
		return fmt.Sprintf("%v; see %s --help", e.err, e.program)
	}
	return fmt.Sprintf("%s: %v; see %s %s --help", e.command, e.err, e.program, e.command)
}

func (e usageError) Unwrap() error { return e.err }

// commandOf returns the command and the remaining arguments. Lambda starts a function's program without arguments, so
// there the command is serve.
func commandOf(program string, args []string, getenv func(string) string) (command string, rest []string, err error) {
	if len(args) == 0 {
		if getenv(runtimeAPI) != "" {
			return commandServe, nil, nil
		}
		return commandStress, nil, nil
	}
	switch first := args[0]; {
	case first == "--help" || first == "-h":
		return "", nil, helpRequest{program: program}
	case first == "help":
		return "", nil, helpOf(program, args[1:])
	case first == "--version" || first == "version":
		return "", nil, versionRequest{}
	case strings.HasPrefix(first, "-"): // stress is the default command
		return commandStress, args, nil
	case isCommand(first):
		return first, args[1:], nil
	default:
		return "", nil, unknownCommand(program, first)
	}
}

// helpOf returns the request for "help" and the words that follow it.
func helpOf(program string, topics []string) error {
	switch {
	case len(topics) == 0:
		return helpRequest{program: program}
	case isCommand(topics[0]):
		return helpRequest{program, topics[0]}
	default:
		return unknownCommand(program, topics[0])
	}
}

func unknownCommand(program, typed string) error {
	names := commandNames()
	last := len(names) - 1
	return usageError{program: program, err: fmt.Errorf("there is no command %q; the commands are %s and %s%s",
		typed, strings.Join(names[:last], ", "), names[last], didYouMean("", typed, append(names, "help", "version")))}
}
