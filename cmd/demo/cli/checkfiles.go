package cli

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/troupe-go/troupe/cmd/demo/check"
)

const formatSARIF = "sarif"

// checked are the arguments of check.
type checked struct {
	files  []string
	format string
}

// flags defines the flags of demo check.
func (c *checked) flags(flags *flagSet) (settle func(getenv func(string) string) error) {
	flags.choose(&c.format, "format", reportText, "format of the findings", reportText, reportJSON, formatSARIF)
	return func(func(string) string) error {
		c.files = flags.Args()
		if len(c.files) == 0 {
			return fmt.Errorf("0 files given; must be at least one file, or - for standard input")
		}
		return nil
	}
}

// checkFiles checks files for settings that lose messages.
func checkFiles(ctx context.Context, o options, stdin io.Reader, stdout, stderr io.Writer) int {
	c := o.checked
	var files []check.File
	for _, name := range c.files {
		data, err := readFile(ctx, name, stdin)
		switch {
		case err != nil && ctx.Err() != nil:
			return o.fail(stderr, interruptedBy(ctx), err)
		case err != nil:
			return o.fail(stderr, exitUsage, fmt.Errorf("check: %w", err))
		}
		if name == "-" {
			name = "stdin"
		}
		files = append(files, check.File{Name: name, Data: data})
	}
	report, err := check.Check(files...)
	if err != nil {
		return o.fail(stderr, exitUsage, fmt.Errorf("check: %w", err))
	}
	switch c.format {
	case reportJSON:
		err = report.WriteJSON(stdout)
	case formatSARIF:
		err = report.WriteSARIF(stdout, moduleVersion(debug.ReadBuildInfo()))
	default:
		_, err = io.WriteString(stdout, findingsText(report, columns(stdout, 0)))
	}
	if err != nil {
		return o.fail(stderr, exitUsage, fmt.Errorf("check: cannot write the findings: %w", err))
	}
	if faults, _ := report.Faults(); faults > 0 {
		return exitError
	}
	return exitOK
}

// findingsText returns the report as text: the findings, the explanations of their rules, and a line of totals.
func findingsText(r check.Report, width int) string {
	var b strings.Builder
	explained := make(map[string]bool) // by page and rule
	for _, f := range r.Findings {
		notKnown := ""
		if !f.Known {
			notKnown = "not known: "
		}
		text := fmt.Sprintf("%s:%d:%d: %s: %s%s [%s]", f.File, f.Line, f.Column, f.Subject, notKnown, f.Message, f.Rule.ID)
		b.WriteString(fill(text, width, "", "  "))
		if f.Known && !explained[f.Rule.ID+f.Rule.Page] {
			explained[f.Rule.ID+f.Rule.Page] = true
			b.WriteString(fill(f.Rule.Help, width, "    ", "    "))
			b.WriteString("    " + f.Rule.Page + "\n")
		}
	}
	if len(r.Findings) > 0 {
		b.WriteByte('\n')
	}
	faults, open := r.Faults()
	what := "no setting found that loses messages"
	if faults > 0 {
		what = count(faults, "finding")
	}
	if open > 0 {
		what += fmt.Sprintf(", %s not known", thousands(open))
	}
	where := []string{count(r.Mappings, "event source mapping"), count(r.Queues, "queue")}
	if r.Pipes > 0 {
		where = append(where, count(r.Pipes, "pipe"))
	}
	b.WriteString(fill(fmt.Sprintf("%s in %s (%s)", what, count(r.Files, "file"), strings.Join(where, ", ")), width, "", "  "))
	return b.String()
}
