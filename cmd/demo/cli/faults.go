package cli

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/lambdasim"
)

// faults are the probabilities of the faults of an attempt.
type faults struct{ fail, panic, exit, hang, kill float64 }

// check refuses impossible values. A sum may exceed 1 by rounding errors.
func (f faults) check(flags *flagSet) error {
	var given []string
	for _, p := range f.list() {
		if !(p.likely >= 0 && p.likely <= 1) { // false for NaN
			return flags.bad(p.do, "must be a probability from 0 to 1")
		}
		if flags.isGiven(p.do) {
			given = append(given, flags.given[p.do])
		}
	}
	if sum := f.fail + f.panic + f.exit + f.hang + f.kill; sum > 1+1e-9 {
		return fmt.Errorf("%s: together they must be at most 1, not %v", strings.Join(given, ", "), sum)
	}
	return nil
}

// likelihood is the probability of an action.
type likelihood struct {
	do     string
	likely float64
}

func (f faults) list() [5]likelihood {
	return [5]likelihood{{doFail, f.fail}, {doPanic, f.panic}, {doExit, f.exit}, {doHang, f.hang}, {doKill, f.kill}}
}

// inPlace separates the attempts of a delivery from those of other deliveries, of which there are fewer.
const inPlace = 1 << 20

// script decides what happens to a record in an attempt. It depends on nothing else, so the same seed has the same
// effect in any order of records.
type script struct {
	seed   uint64
	faults faults
	work   time.Duration
}

func (s script) directive(id string, delivery, attempt int) directive {
	n := delivery + (attempt-1)*inPlace
	d := directive{do: doOK, times: -1, work: time.Duration(2 * float64(s.work) * lambdasim.Draw(s.seed, "work", id, n))}
	p := lambdasim.Draw(s.seed, "fault", id, n)
	for _, fault := range s.faults.list() {
		if p < fault.likely {
			d.do = fault.do
			break
		}
		p -= fault.likely
	}
	return d
}

// faulty is a handler that does what its script says.
type faulty struct {
	script script
	hang   time.Duration // how long a hanging handler ignores its context
	player player
	did    deeds
	heard  func(id string, delivery, attempt int, do string) // for tests; otherwise nil
}

// handle handles the record with the given identifier. A hanging handler returns after everything has stopped waiting
// for it, so hanging handlers do not fill the memory in a long run; its result must be ignored.
//
// effect is called when the work is done, with whether the process dies after it; it may be nil. Of the handlers
// that hang, half do their work before, and half when they are late.
func (f *faulty) handle(ctx context.Context, id string, effect func(kill bool) error) error {
	rec, _ := troupe.RecordFrom(ctx)
	delivery := lambdasim.Delivery(ctx, id)
	d := f.script.directive(id, delivery, rec.Attempt)
	f.did.count(d.do)
	if f.heard != nil {
		f.heard(id, delivery, rec.Attempt, d.do)
	}
	if effect == nil {
		effect = func(bool) error { return nil }
	}
	if d.do == doHang {
		if lambdasim.Draw(f.script.seed, "hangs after its work", id, delivery) < 0.5 {
			err := effect(false)
			time.Sleep(f.hang)
			return err
		}
		time.Sleep(f.hang)
		return effect(false)
	}
	if err := f.player.play(ctx, id, d, nil); err != nil {
		return err
	}
	return effect(d.do == doKill)
}

// deeds counts the actions of handlers. It is safe for concurrent use.
type deeds struct{ fail, panic, exit, hang, kill atomic.Int64 }

func (d *deeds) count(do string) {
	switch do {
	case doFail:
		d.fail.Add(1)
	case doPanic:
		d.panic.Add(1)
	case doExit:
		d.exit.Add(1)
	case doHang:
		d.hang.Add(1)
	case doKill:
		d.kill.Add(1)
	}
}
