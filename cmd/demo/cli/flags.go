package cli

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// flagSet has the flags of a command. For errors, it keeps how each was given.
type flagSet struct {
	*pflag.FlagSet
	given map[string]string // by the name of a flag: "--timeout 16m" or "TROUPE_DEMO_TIMEOUT=16m"
}

func newFlagSet(command string) *flagSet {
	flags := &flagSet{pflag.NewFlagSet(command, pflag.ContinueOnError), make(map[string]string)}
	flags.Usage = func() {} // parse's caller prints the help
	flags.SortFlags = false
	return flags
}

// parse parses the command line. The error of an invalid flag contains what was given and what is allowed.
func (f *flagSet) parse(args []string) error {
	err := f.ParseAll(args, func(flag *pflag.Flag, value string) error {
		if flag.Value.Type() == "bool" {
			f.given[flag.Name] = "--" + flag.Name + "=" + value
		} else {
			f.given[flag.Name] = "--" + flag.Name + " " + value
		}
		return f.set(flag, value)
	})
	if err == nil || errors.Is(err, pflag.ErrHelp) {
		return err
	}
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		typed := e.GetSpecifiedName()
		if short := e.GetSpecifiedShortnames(); short != "" { // -records, or -r
			return fmt.Errorf("there is no flag -%s; flags begin with two dashes%s", short, didYouMean("--", short, f.names()))
		}
		return fmt.Errorf("there is no flag --%s%s", typed, didYouMean("--", typed, f.names()))
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return fmt.Errorf("--%s needs a value: it %s", e.GetSpecifiedName(), allowed(e.GetFlag()))
	}
	return err
}

// fromEnvironment sets each flag that the command line did not set from its variable, if there is one. An empty variable
// counts as unset.
func (f *flagSet) fromEnvironment(getenv func(string) string) (err error) {
	f.VisitAll(func(flag *pflag.Flag) {
		name := "TROUPE_DEMO_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		value := getenv(name)
		if flag.Changed || value == "" || err != nil {
			return
		}
		f.given[flag.Name] = name + "=" + value
		err = f.set(flag, value)
	})
	return err
}

// set sets a flag. The error contains what was given and what is allowed.
func (f *flagSet) set(flag *pflag.Flag, value string) error {
	if f.Set(flag.Name, value) == nil {
		return nil
	}
	hint := ""
	if c, ok := flag.Value.(*choice); ok {
		hint = didYouMean("", value, c.allowed)
	}
	return f.bad(flag.Name, "%s%s", allowed(flag), hint)
}

// bad returns the error for a flag with an invalid value. What is allowed begins with "must be".
func (f *flagSet) bad(name, format string, args ...any) error {
	return fmt.Errorf("%s: %s", f.given[name], fmt.Sprintf(format, args...))
}

// isGiven reports whether any of the flags was given, on the command line or by its variable.
func (f *flagSet) isGiven(names ...string) bool { return slices.ContainsFunc(names, f.Changed) }

func (f *flagSet) names() (names []string) {
	f.VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	return names
}

// allowed describes the values of a flag, without its range.
func allowed(flag *pflag.Flag) string {
	switch value := flag.Value.(type) {
	case *choice:
		return "must be one of " + strings.Join(value.allowed, ", ")
	case interface{ Allowed() string }:
		return value.Allowed()
	}
	switch flag.Value.Type() {
	case "bool":
		return "must be true or false"
	case "int":
		return "must be a whole number"
	case "uint64":
		return "must be a whole number of at least 0"
	case "float64":
		return "must be a number"
	case "duration":
		return "must be a duration such as 500ms, 2s or 1m30s"
	default:
		return "must be a text"
	}
}

// usages returns the rows of the flags in a help text.
func (f *flagSet) usages() string {
	var b strings.Builder
	f.VisitAll(func(flag *pflag.Flag) {
		left := "--" + flag.Name
		usage := flag.Usage
		switch value := flag.Value.(type) {
		case *choice:
			left += " NAME"
			before, after, found := strings.Cut(usage, " (default")
			usage = before + ": " + strings.Join(value.allowed, ", ")
			if found {
				usage += " (default" + after
			}
		default:
			switch flag.Value.Type() {
			case "bool":
			case "int", "uint64", "float64":
				left += " N"
			case "duration":
				left += " TIME"
			case "string":
				left += " FILE"
			default:
				left += " " + strings.ToUpper(flag.Value.Type())
			}
		}
		if byDefault := flag.DefValue; !slices.Contains([]string{"", "0", "0s", "false", "[]"}, byDefault) {
			usage += " (default " + byDefault + ")"
		}
		fmt.Fprintf(&b, "  %s\t%s\n", left, usage)
	})
	return b.String()
}

// choices are the allowed words of a flag, with their values.
type choices[T any] struct {
	names  []string
	values []T
}

// named returns the choices for values with a String method.
func named[T fmt.Stringer](values ...T) choices[T] {
	c := choices[T]{values: values}
	for _, v := range values {
		c.names = append(c.names, v.String())
	}
	return c
}

// value returns the value of name, the zero value if it is not one of c.
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

func (f *flagSet) choose(p *string, name, value, usage string, allowed ...string) {
	*p = value
	f.Var(&choice{p, allowed}, name, usage)
}

func (c *choice) String() string { return *c.chosen }
func (c *choice) Type() string   { return "name" }

var errNoChoice = errors.New("no such choice")

func (c *choice) Set(value string) error {
	if !slices.Contains(c.allowed, value) {
		return errNoChoice
	}
	*c.chosen = value
	return nil
}

// libraryOption matches an option of the library at the beginning of an error.
var libraryOption = regexp.MustCompile(`^(?:troupe: )?(With\w+|Retry|Stop\w*|Continue|Derive|Error\w+)(?:\([^)]*\)|\{[^}]*\})?`)

// optionFlags maps options of the library to flags.
var optionFlags = map[string]string{
	"WithConcurrency": "concurrency", "WithReserve": "reserve", "WithRecordTimeout": "record-timeout", "WithRetry": "retry", "Retry": "retry",
	"WithoutOrder": "unordered", "WithLowestOnly": "lowest-only", "WithErrorWhen": "error-when", "WithPolicy": "policy",
}

// inFlags rewords the library's error for an invalid option, so that it names the flag or variable that set it.
func inFlags(err error, given map[string]string) error {
	refused, ok := errors.AsType[refusedError](err)
	if !ok {
		return err
	}
	text := refused.Error()
	match := libraryOption.FindStringSubmatch(text)
	if match == nil || given[optionFlags[match[1]]] == "" {
		return err
	}
	return fmt.Errorf("%s%s", given[optionFlags[match[1]]], strings.TrimPrefix(text, match[0]))
}
