// Compare measures troupe and other ways to process a Lambda batch, and prints a table:
//
//	cd tools/compare && go run . -svg ../../docs/compare.svg -markdown ../../docs/benchmarks.md
//
// Rivals take turns in one run: every round gives each of them the same work once, in a new order, and the
// ratio of two rivals is the median of their ratios in each round. So a machine that is slow for a while
// is slow for both. Each contestant has a process of its own. docs/benchmarks.md says what each row means.
package main

import (
	"errors"
	"flag"
	"fmt"
	"go/version"
	"io"
	"log/slog"
	"os"
	"regexp"
	"runtime"
	"time"
)

type options struct {
	rounds   int
	runs     int
	chunk    time.Duration // how long a rival works in one round, about
	batches  int           // of the heap row
	only     *regexp.Regexp
	svg      string
	markdown string
	quick    bool
	child    string
	one      string
}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.IntVar(&o.rounds, "rounds", 31, "rounds to take the median of")
	flags.IntVar(&o.runs, "runs", 1, "complete runs, one after the other")
	flags.BoolVar(&o.quick, "quick", false, "two short rounds: shows that everything works, measures nothing")
	only := flags.String("only", "", "measure works that match this `regexp` only")
	flags.StringVar(&o.svg, "svg", "", "write a chart to this `file`")
	flags.StringVar(&o.markdown, "markdown", "", "put the table into this Markdown `file`, between the compare:begin and compare:end comments")
	flags.StringVar(&o.child, "child", "", "used by the program itself: measure the live heap of a `rival` in a process of its own")
	flags.StringVar(&o.one, "contestant", "", "used by the program itself: be one contestant of a work")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.rounds < 1 || o.runs < 1 || flags.NArg() > 0 {
		return o, fmt.Errorf("compare: at least one round and one run are needed, and there are no arguments but flags")
	}
	o.chunk, o.batches = 40*time.Millisecond, 1000
	if o.quick {
		o.rounds, o.chunk, o.batches = 2, time.Millisecond, 20
	}
	o.only, err = regexp.Compile(*only)
	return o, err
}

func main() {
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = run(o, os.Stdout, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(o options, out, progress io.Writer) error {
	// troupe logs a line for each batch with failures. It is to be paid for, and not to be seen.
	slog.SetDefault(slog.New(slog.NewJSONHandler(io.Discard, nil)))
	if o.child != "" {
		return heapChild(o, out)
	}
	if o.one != "" {
		return serve(o.one, os.Stdin, out)
	}

	files, err := os.MkdirTemp("", "compare")
	if err != nil {
		return err
	}
	defer os.RemoveAll(files)
	node := newNode(files)

	var runs [][]row
	var worth []float64
	for range o.runs {
		var rows []row
		for _, w := range works(node) {
			if !o.only.MatchString(w.name) {
				continue
			}
			fmt.Fprintln(progress, w.name)
			worth = append(worth, atOnce())
			more, err := w.measure(o, w)
			if err != nil {
				return fmt.Errorf("compare: %s: %w", w.name, err)
			}
			rows = append(rows, more...)
		}
		if len(rows) == 0 {
			return fmt.Errorf("compare: no work matches %q", o.only)
		}
		runs = append(runs, rows)
	}
	rows := merge(runs)
	if version.Compare(runtime.Version(), "go1.27") < 0 { // the bounds are for that and later
		for i := range rows {
			rows[i].bound = bound{}
		}
	}
	m := machine(spreadOf(worth))
	writeText(out, rows, m)
	if o.markdown != "" {
		if err := replaceTable(o, rows, m); err != nil {
			return err
		}
	}
	if o.svg != "" {
		return writeChart(o.svg, rows, m)
	}
	return nil
}
