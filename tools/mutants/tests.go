package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// suite is the tests of a package, with arguments.
type suite struct {
	pkg  string
	args []string
	// once built and seen to pass:
	binary  string
	timeout time.Duration
}

// suitesOf returns the suites that a mutant of a package meets, one after the other: the package's own tests, those
// that take long last, and then those that know the library from outside.
func suitesOf(pkg string) []suite {
	plans := 200 // for the model of the semantics, which has little to say of what is read and written
	if pkg == "supervisor" || pkg == "actors" {
		plans = 2000
	}
	return []suite{
		{pkg: pkg, args: []string{"-test.skip=" + long}},
		{pkg: pkg, args: []string{"-test.run=" + long}},
		{pkg: "."},
		{pkg: "test/semantics", args: []string{"-test.skip=" + processes}},
		{pkg: "test/properties", args: []string{fmt.Sprint("-model.draws=", plans)}},
		{pkg: "window"}, {pkg: "kpl"}, {pkg: "bulk"}, {pkg: "kafka"}, {pkg: "firehose"}, {pkg: "s3batch"}, {pkg: "typed"}, {pkg: "redelivery"},
	}
}

// long are tests that take most of the time of their package's.
const long = "^(TestDecodeAgreesWithEncodingJSONOnAssembledEvents|TestD6StringsAreWhatTheyAreForEncodingJSONAtEachPlace)$"

// processes are the tests of package semantics that start processes. What they look at is how the code does in real time.
const processes = "^TestTwoSpinningHandlersOnOneCoreAreAnsweredForInTime$"

// draws has properties, where a suite has some, draw the same each time, and not what failed for another mutant.
var draws = []string{"-rapid.seed=1", "-rapid.nofailfile"}

// memory bounds what a test may take, in kilobytes: a mutant may append for ever.
const memory = 8 << 20

// prepare makes the binary of a suite, with all mutants in it, sees that it passes on the code as it is, and gives
// mutants a multiple of the time that it takes.
func (s *suite) prepare(overlay, folder string) error {
	s.binary = filepath.Join(folder, strings.NewReplacer(".", "root", "/", "-").Replace(s.pkg)+".test")
	if _, err := os.Stat(s.binary); err != nil { // else it is there with other arguments
		out, err := exec.Command("go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", s.binary, "./"+s.pkg).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s with its mutants does not compile: %w\n%s", s.pkg, err, out)
		}
	}
	if drawn := append([]string{"-test.list=^$"}, draws...); exec.Command(s.binary, drawn...).Run() == nil {
		s.args = append(s.args, draws...)
	}
	s.timeout = 5 * time.Minute
	began := time.Now()
	if v := s.run(0, ""); v.failed {
		return fmt.Errorf("%s fails without a mutant: %s", s.pkg, v)
	}
	took := time.Since(began)
	fmt.Fprintf(os.Stderr, "%s passes without a mutant in %v\n", s.pkg, took.Round(time.Millisecond))
	s.timeout = 4*time.Second + 5*took
	return nil
}

// verdict is what the tests of a suite make of a mutant.
type verdict struct {
	failed, timedOut bool
	by               string // the test that fails, if it is known
}

func (v verdict) String() string {
	switch {
	case v.timedOut:
		return "timed out in " + v.by
	case v.failed:
		return "failed by " + v.by
	default:
		return "passed"
	}
}

var (
	failing = regexp.MustCompile(`(?m)^\s*--- FAIL: ([^\s/]+)`)
	begun   = regexp.MustCompile(`(?m)^=== (?:RUN|CONT|NAME)\s+([^\s/]+)`)
)

// run runs the tests of a suite, or only one of them, with a mutant at work.
func (s *suite) run(mutant int, only string) (v verdict) {
	args := append([]string{"-c", fmt.Sprintf(`ulimit -v %d; exec "$0" "$@"`, memory), s.binary, "-test.v", "-test.failfast", "-test.timeout=" + s.timeout.String()}, s.args...)
	if only != "" {
		args = append(args, "-test.run=^"+regexp.QuoteMeta(only)+"$")
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout+10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", args...)
	cmd.Dir = s.pkg
	cmd.Env = append(os.Environ(), fmt.Sprint(variable, "=", mutant))
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err == nil {
		return v
	}
	v.failed = true
	v.timedOut = errors.Is(ctx.Err(), context.DeadlineExceeded) || strings.Contains(string(out), "panic: test timed out after")
	if names := begun.FindAllStringSubmatch(string(out), -1); names != nil {
		v.by = names[len(names)-1][1]
	}
	if name := failing.FindStringSubmatch(string(out)); name != nil && !v.timedOut {
		v.by = name[1]
	}
	return v
}

// kills reports whether a suite kills a mutant: it fails, and what failed fails again alone, with more time than before
// lest a machine that was busy for a while is taken for an endless loop. If that passes, the machine failed another test
// first, and the suite has another go.
func (s *suite) kills(mutant int) (v verdict, killed bool) {
	for range 3 {
		if v = s.run(mutant, ""); !v.failed {
			return v, false
		}
		patient := *s
		patient.timeout *= 3
		again := patient.run(mutant, v.by)
		if v.timedOut = again.timedOut; again.failed {
			return v, true
		}
	}
	return v, false
}
