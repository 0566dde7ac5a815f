package cli

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/cmd/demo/page"
)

// runOf describes the run for a page that may be read later.
func runOf(o options, began time.Time) []page.Fact {
	w := o.stress
	policy := o.policy.String()
	if o.policy == troupe.Derive {
		policy += " (by source)"
	}
	facts := []page.Fact{
		{Label: "policy", Value: policy},
		{Label: "concurrency", Value: strconv.Itoa(o.concurrency)},
		{Label: "faults", Value: w.faults.String()},
		{Label: "work", Value: fmt.Sprintf("%v on average", w.work)},
		{Label: "timeout", Value: short(o.timeout)},
	}
	add := func(given bool, label, value string) {
		if given {
			facts = append(facts, page.Fact{Label: label, Value: value})
		}
	}
	add(o.retries > 0, "retries in place", strconv.Itoa(o.retries))
	add(w.batch > 0, "batch", strconv.Itoa(w.batch))
	add(o.unordered, "order", "ignored")
	add(w.pipe, "delivery", "by a pipe")
	return append(facts,
		page.Fact{Label: "groups", Value: thousands(w.groups)},
		page.Fact{Label: "seed", Value: strconv.FormatUint(w.seed, 10)},
		page.Fact{Label: "date", Value: began.UTC().Format("2006-01-02 15:04 UTC")},
		page.Fact{Label: "machine", Value: fmt.Sprintf("%s, %s %s/%s", count(runtime.GOMAXPROCS(0), "processor"), runtime.Version(), runtime.GOOS, runtime.GOARCH)},
	)
}

// String returns the rates in percent of the attempts.
func (f faults) String() string {
	var rates []string
	for _, p := range f.list() {
		if p.likely > 0 {
			rates = append(rates, fmt.Sprintf("%s %s %%", p.do, strconv.FormatFloat(100*p.likely, 'g', 4, 64)))
		}
	}
	if len(rates) == 0 {
		return "none"
	}
	return strings.Join(rates, ", ")
}
