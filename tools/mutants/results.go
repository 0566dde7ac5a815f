package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// result is what became of a mutant.
type result struct {
	pkg      string
	operator operator
	place    string
	fate     fate
	by       string // suite and test
}

type fate string

const (
	killed   fate = "killed"
	timedOut fate = "timed out"
	survived fate = "survived"
)

// test has the suites meet the mutants, and writes each result down as soon as it is known.
func test(c *code, mutants []*mutant, o options) (results []result, err error) {
	known := map[string]result{}
	if o.resume {
		if known, err = readResults(o.out); err != nil {
			return nil, err
		}
	}
	var left []*mutant
	for _, m := range mutants {
		if r, ok := known[m.place]; ok {
			results = append(results, r)
		} else {
			left = append(left, m)
		}
	}
	if len(left) == 0 {
		return results, nil
	}
	folder, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	suites, err := prepare(c, left, folder)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(o.out), 0o755); err != nil {
		return nil, err
	}
	mode := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if o.resume {
		mode = os.O_CREATE | os.O_WRONLY | os.O_APPEND
	}
	out, err := os.OpenFile(o.out, mode, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()

	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan *mutant)
	for range o.workers {
		wg.Go(func() {
			for m := range next {
				r := meet(m, suites[m.pkg])
				mu.Lock()
				results = append(results, r)
				fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", r.fate, r.by, r.operator, r.place)
				fmt.Fprintf(os.Stderr, "%d of %d: %s %s: %s\n", len(results), len(mutants), r.fate, r.by, r.place)
				mu.Unlock()
			}
		})
	}
	// In a random order, the same each time: a run that is cut off has tested a sample.
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	for _, m := range left {
		select {
		case next <- m:
			continue
		case <-interrupted:
			err = errors.New("interrupted; -resume goes on from here")
		}
		break
	}
	close(next)
	wg.Wait()
	return results, err
}

// prepare builds the suites of each package and sees that they pass without a mutant.
func prepare(c *code, mutants []*mutant, folder string) (map[string][]*suite, error) {
	overlay, err := c.overlay(folder)
	if err != nil {
		return nil, err
	}
	suites := map[string][]*suite{}
	ready := map[string]*suite{}
	for _, m := range mutants {
		if suites[m.pkg] != nil {
			continue
		}
		for _, s := range suitesOf(m.pkg) {
			name := s.pkg + strings.Join(s.args, " ")
			if ready[name] == nil {
				if err := s.prepare(overlay, folder); err != nil {
					return nil, err
				}
				ready[name] = &s
			}
			suites[m.pkg] = append(suites[m.pkg], ready[name])
		}
	}
	return suites, nil
}

// meet has a mutant meet one suite after the other until one kills it.
func meet(m *mutant, suites []*suite) result {
	for _, s := range suites {
		v, dead := s.kills(m.id)
		switch {
		case dead && v.timedOut:
			return result{m.pkg, m.operator, m.place, timedOut, s.pkg + " " + v.by}
		case dead:
			return result{m.pkg, m.operator, m.place, killed, s.pkg + " " + v.by}
		}
	}
	return result{m.pkg, m.operator, m.place, survived, "-"}
}

func readResults(name string) (known map[string]result, err error) {
	text, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	known = map[string]result{}
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), "\t", 4)
		if len(fields) != 4 {
			return nil, fmt.Errorf("%s: no result: %q", name, line)
		}
		pkg, _, _ := strings.Cut(fields[3], "/")
		known[fields[3]] = result{pkg, operator(fields[2]), fields[3], fate(fields[0]), fields[1]}
	}
	return known, nil
}

// share says how many mutants of a package were killed.
type share struct {
	name                      string
	mutants, killed, timedOut int
}

func (s share) percent() float64 { return 100 * float64(s.killed+s.timedOut) / float64(s.mutants) }

func (s share) String() string {
	return fmt.Sprintf("%-12s %4d mutants, %4d killed, %3d timed out, %3d survived, %5.1f %%",
		s.name, s.mutants, s.killed, s.timedOut, s.mutants-s.killed-s.timedOut, s.percent())
}

// sharesOf returns the share of each package, in their order, and of all of them.
func sharesOf(results []result) (shares []share) {
	total := share{name: "all"}
	for _, pkg := range packages {
		s := share{name: pkg}
		for _, r := range results {
			if r.pkg != pkg {
				continue
			}
			s.mutants++
			switch r.fate {
			case killed:
				s.killed++
			case timedOut:
				s.timedOut++
			}
		}
		if s.mutants > 0 {
			shares = append(shares, s)
		}
		total.mutants += s.mutants
		total.killed += s.killed
		total.timedOut += s.timedOut
	}
	return append(shares, total)
}

// tooLow says which shares are below the least that is needed.
func tooLow(shares []share) (faults []string) {
	for _, s := range shares {
		if s.mutants > 0 && s.percent() < least {
			faults = append(faults, fmt.Sprintf("%s: tests kill %.1f %% of the mutants where at least %.0f %% are needed: write some", s.name, s.percent(), least))
		}
	}
	return faults
}
