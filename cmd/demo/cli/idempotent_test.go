package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/idempotency"
)

// The checker's rule under every fault: the work of a key is done once, or the history has a reason for each time more.
func TestStressDoesTheWorkOfAKeyOnce(t *testing.T) {
	for _, source := range stressSources {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			var sum onceFigures
			for seed := range 6 {
				r := stressed(t, fmt.Sprintf("--idempotent --source %s --records 400 --groups 40 --seed %d --fail 0.04 --panic 0.02 --exit 0.02 --hang 0.01 --kill 0.01 --store-fail 0.01", source, seed))
				assert.Equal(t, "pass", r.Verdict, "seed %d: %v", seed, r.Violations)
				assert.True(t, r.Drained)
				require.NotNil(t, r.Idempotency)
				assert.LessOrEqual(t, r.Idempotency.Effects, r.Idempotency.Keys+r.Idempotency.Excused, "seed %d", seed)
				sum = *sum.plus(r.Idempotency)
			}
			// It was put to the test.
			assert.Greater(t, sum.Effects, sum.Keys)
			assert.Greater(t, sum.Duplicates, 200)
			assert.Positive(t, min(sum.Kills, sum.Lost, sum.Unrecorded))
		})
	}
}

// Without kills, hangs and a store that fails there is no reason to do work again, and it is done exactly once.
func TestStressDoesTheWorkOfAKeyExactlyOnceWithoutAReason(t *testing.T) {
	for _, source := range stressSources {
		r := stressed(t, "--idempotent --source "+source+" --records 400 --groups 40 --seed 1 --fail 0.05 --panic 0.02 --exit 0.02")
		assert.Equal(t, r.Idempotency.Keys, r.Idempotency.Effects, source)
		assert.Zero(t, r.Idempotency.Excused, source)
		assert.Greater(t, r.Idempotency.Duplicates, 30, source)
	}
	first, _, _ := strings.Cut(stressWith(t, nil, "--idempotent --records 200 --seed 1 --fail 0.05").stdout, "\n")
	assert.Equal(t, "PASS: nothing lost, order kept, every response valid and in time, the work of each key done exactly once", first)
}

// Each completion that the store refuses is one that the report calls unrecorded, where nothing hides it.
func TestStressCompletionsThatAreNotRecordedAreReported(t *testing.T) {
	r := stressed(t, "--idempotent --source sqs --records 400 --seed 1 --store-fail 0.05")
	assert.Positive(t, r.Idempotency.Unrecorded)
	assert.Equal(t, r.Idempotency.Excused, r.Idempotency.Unrecorded)
}

// brokenStore is a store without one of its conditions.
type brokenStore struct {
	idempotency.Store
	claim    func(idempotency.Store, context.Context, idempotency.Claim) (*idempotency.Completion, error)
	complete func(idempotency.Store, context.Context, string, string, idempotency.Completion) error
	release  func(idempotency.Store, context.Context, string, string) error
}

func (b *brokenStore) Claim(ctx context.Context, c idempotency.Claim) (*idempotency.Completion, error) {
	if b.claim != nil {
		return b.claim(b.Store, ctx, c)
	}
	return b.Store.Claim(ctx, c)
}

func (b *brokenStore) Complete(ctx context.Context, key, token string, done idempotency.Completion) error {
	if b.complete != nil {
		return b.complete(b.Store, ctx, key, token, done)
	}
	return b.Store.Complete(ctx, key, token, done)
}

func (b *brokenStore) Release(ctx context.Context, key, token string) error {
	if b.release != nil {
		return b.release(b.Store, ctx, key, token)
	}
	return b.Store.Release(ctx, key, token)
}

// giveAway claims a key that is in progress as well.
func giveAway(s idempotency.Store, ctx context.Context, c idempotency.Claim) (*idempotency.Completion, error) {
	done, err := s.Claim(ctx, c)
	if errors.Is(err, idempotency.ErrInProgress) {
		return nil, nil
	}
	return done, err
}

// instead runs stress with a store that is wrong, whose fault no handler shares.
func instead(t *testing.T, broken brokenStore) (code int, r stressReport) {
	wrong := func(o *options) {
		o.stress.store = func(s idempotency.Store) idempotency.Store { b := broken; b.Store = s; return &b }
	}
	run := stressWith(t, wrong, "--idempotent --records 800 --groups 100 --batch 5 --seed 1 --work 20ms --fail 0.1 --kill 0.02 --source sqs --report json")
	require.NoError(t, json.Unmarshal([]byte(run.stdout), &r))
	return run.code, r
}

// Leases that do not hold show as lost leases, since completions compare tokens.
func TestStressShowsLeasesThatDoNotHold(t *testing.T) {
	_, right := instead(t, brokenStore{})
	assert.Zero(t, right.Idempotency.Lost)
	for name, broken := range map[string]brokenStore{
		"gives a claimed key away": {claim: giveAway},
		"leases that end at once": {claim: func(s idempotency.Store, ctx context.Context, c idempotency.Claim) (*idempotency.Completion, error) {
			c.Lease = time.Now()
			return s.Claim(ctx, c)
		}},
	} {
		code, r := instead(t, broken)
		assert.Equal(t, exitOK, code, name)
		assert.Positive(t, r.Idempotency.Lost, name)
	}
}

// The verdict does not hold for a store that is wrong.
func TestStressFailsAStoreThatIsWrong(t *testing.T) {
	for name, broken := range map[string]brokenStore{
		"forgets completions": {complete: func(s idempotency.Store, ctx context.Context, key, token string, done idempotency.Completion) error {
			return s.Release(ctx, key, token)
		}},
		"completes for a moment": {complete: func(s idempotency.Store, ctx context.Context, key, token string, done idempotency.Completion) error {
			done.Expires = time.Now().Add(time.Millisecond)
			return s.Complete(ctx, key, token, done)
		}},
		"claims and completes without a condition": {claim: giveAway, complete: func(s idempotency.Store, ctx context.Context, key, token string, done idempotency.Completion) error {
			if err := s.Complete(ctx, key, token, done); !errors.Is(err, idempotency.ErrLeaseLost) {
				return err
			}
			return nil
		}},
		"completes what was never done": {claim: func(s idempotency.Store, ctx context.Context, c idempotency.Claim) (*idempotency.Completion, error) {
			done, err := s.Claim(ctx, c)
			if err == nil && done == nil {
				err = s.Complete(ctx, c.Key, c.Token, idempotency.Completion{Expires: time.Now().Add(time.Hour)})
			}
			return done, err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, report := instead(t, broken)
			assert.Equal(t, exitError, code)
			assert.Regexp(t, "sqs: (redone|undone): ", strings.Join(report.Violations, "\n"))
		})
	}
}

// The flags of --idempotent are refused without it, and its faults are none unless given.
func TestStressFlagsOfIdempotent(t *testing.T) {
	parsed := func(args string) (workload, error) {
		o, err := parse("demo", "demo", strings.Fields("stress "+args), environment(nil))
		return o.stress, err
	}
	for args, want := range map[string]string{
		"--kill 0.1":                         "--kill 0.1: must be used with --idempotent",
		"--store-fail 0.1":                   "--store-fail 0.1: must be used with --idempotent",
		"--idempotent --kill 2":              "--kill 2: must be a probability from 0 to 1",
		"--idempotent --store-fail NaN":      "--store-fail NaN: must be a probability from 0 to 1",
		"--idempotent --fail 0.6 --kill 0.6": "--fail 0.6, --kill 0.6: together they must be at most 1, not 1.2",
	} {
		_, err := parsed(args)
		assert.ErrorContains(t, err, want, args)
	}
	w, err := parsed("--idempotent")
	require.NoError(t, err)
	assert.Equal(t, []float64{defaultFaults.fail, defaultKill, defaultStoreFail}, []float64{w.faults.fail, w.faults.kill, w.storeFail})
	w, err = parsed("--idempotent --hang 0.1")
	require.NoError(t, err)
	assert.Equal(t, []float64{0, 0, 0, 0.1}, []float64{w.faults.fail, w.faults.kill, w.storeFail, w.faults.hang})
	w, err = parsed("")
	require.NoError(t, err)
	assert.Equal(t, []float64{0, 0}, []float64{w.faults.kill, w.storeFail})
}

// A page of such a run has its numbers.
func TestStressPageOfIdempotent(t *testing.T) {
	d := stressPage(t, "--idempotent --source sqs --records 100 --seed 1 --fail 0.1")
	found := false
	for _, fact := range d.More {
		found = found || fact.Label == "idempotency" && strings.HasPrefix(fact.Value, "the work of ")
	}
	assert.True(t, found)
}
