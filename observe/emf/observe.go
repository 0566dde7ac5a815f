package emf

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
)

// The dimensions that there are by default. The function's name is in a variable that Lambda sets:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html.
const (
	sourceDimension   = "Source"
	functionDimension = "FunctionName"
	functionVariable  = "AWS_LAMBDA_FUNCTION_NAME"
)

// Option changes what Observe writes, or where to.
type Option func(*config)

// config is the result of the options of one observer.
type config struct {
	out   io.Writer
	fixed []dimension // all but Source
	sets  [][]string
}

type dimension struct{ name, value string }

// WithWriter writes the lines to out, each by one call of Write; calls do not overlap. A Write that blocks
// delays the invocation like any observer, as long as its deadline allows. Default: os.Stdout.
func WithWriter(out io.Writer) Option { return func(c *config) { c.out = out } }

// WithDimension adds a dimension with a value that is the same for every batch, such as the stage. The name
// has 1 to 255 characters and the value 1 to 1,024, ASCII without control characters; names do not start with
// a colon. Default: the dimensions are Source and, if AWS_LAMBDA_FUNCTION_NAME is set, as Lambda does,
// FunctionName, unless it is given here.
func WithDimension(name, value string) Option {
	return func(c *config) { c.fixed = append(c.fixed, dimension{name, value}) }
}

// WithDimensionSets selects the combinations of dimensions, given by name, that have metrics. An empty set
// is allowed: one metric for everything. CloudWatch charges for each combination of a metric, a set and its
// values. Default: one set of all the dimensions.
func WithDimensionSets(sets ...[]string) Option {
	return func(c *config) { c.sets = append([][]string{}, sets...) }
}

// Observe returns an option for a processor: an observer that writes one line per batch, with metrics in
// namespace. It is safe for concurrent invocations, and may be given to several processors.
//
// When a line cannot be written, the first error is logged to slog.Default() as a WARN line and later ones are
// not: the batch is not affected.
//
// It panics, as the constructors of processors do, with an error that contains what was given and what is
// allowed: if namespace does not have 1 to 255 of the characters that CloudWatch allows (letters, digits,
// space and .-_/#:), or starts with a colon or with "AWS/", which is reserved for CloudWatch; or if a
// dimension or a set of more than 30 is invalid.
func Observe(namespace string, options ...Option) troupe.Option {
	c := &config{out: os.Stdout}
	for i, o := range options {
		if o == nil {
			panic(fmt.Errorf("troupe: emf.Observe: option %d is nil", i+1))
		}
		o(c)
	}
	c.addFunction(os.Getenv(functionVariable))
	if err := c.check(namespace); err != nil {
		panic(err)
	}
	w := &writer{out: c.out, layout: c.layout(namespace, metrics()), rare: c.layout(namespace, append(metrics(), rare()...))}
	return troupe.WithObserver(w.observe)
}

// addFunction adds the dimension with the function's name, unless the name is empty or the dimension exists.
func (c *config) addFunction(name string) {
	given := func(d dimension) bool { return d.name == functionDimension }
	if name != "" && !slices.ContainsFunc(c.fixed, given) {
		c.fixed = slices.Insert(c.fixed, 0, dimension{functionDimension, name})
	}
}

// writer writes the lines of one observer.
type writer struct {
	layout layout
	rare   layout // for batches with a metric of rare
	failed sync.Once

	mu   sync.Mutex // guards the fields below
	out  io.Writer
	line []byte // used again for each line
}

func (w *writer) observe(_ context.Context, r *troupe.Report) {
	if err := w.write(r, time.Now()); err != nil {
		w.failed.Do(func() {
			slog.Default().Warn("troupe: a line of metrics could not be written; it is lost, and so may be later ones", "error", batch.Text(err))
		})
	}
}

func (w *writer) write(r *troupe.Report, now time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	layout := &w.layout
	if isRare(r) {
		layout = &w.rare
	}
	w.line = layout.appendLine(w.line[:0], r, now)
	_, err := w.out.Write(w.line)
	return err
}
