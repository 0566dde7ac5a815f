package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-go/troupe/idempotency"
)

// Hammer is a test of a store by many processes, which are killed at random while they work.
type Hammer struct {
	// Open connects to the store; each process calls it once.
	Open func() idempotency.Store
	// Processes work at the same time. Default: 16.
	Processes int
	// Keys are worked on, each by some Copies of the processes. Default: 2000 and 4.
	Keys, Copies int
	// Kills is how many processes are killed, with SIGKILL, and replaced. Default: 40.
	Kills int
	// Lease is how long claims hold. One in a hundred handlers outlasts it. Default: 300 ms.
	Lease time.Duration
}

// hammerVariable has, in the processes, where to write what they do, their slot and the prefix of the keys.
const hammerVariable = "TROUPE_STORETEST_HAMMER"

// Test runs the test, whose name has to be t's own and top level: the processes are this test binary, running it.
//
// It passes if each key has exactly one completion, which everybody sees, and if each time that the work of a key
// was done again is explained by a process that was killed after it, or a lease that was lost.
func (h Hammer) Test(t *testing.T) {
	h.Processes = cmpOr(h.Processes, 16)
	h.Keys, h.Copies = cmpOr(h.Keys, 2000), cmpOr(h.Copies, 4)
	h.Kills, h.Lease = cmpOr(h.Kills, 40), cmpOr(h.Lease, 300*time.Millisecond)
	if place := os.Getenv(hammerVariable); place != "" {
		h.work(t, place)
		return
	}
	dir := t.TempDir()
	prefix := fmt.Sprintf("hammer-%d-", time.Now().UnixNano())
	h.run(t, dir, prefix)
	h.judge(t, dir, prefix)
}

func cmpOr[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// run runs the processes.
func (h Hammer) run(t *testing.T, dir, prefix string) {
	type ended struct {
		n    int
		err  error
		text string
	}
	ends := make(chan ended)
	running := map[int]*exec.Cmd{}
	slots := []int{} // of the processes; a slot's keys are the same in each
	start := func(slot int) {
		n := len(slots)
		slots = append(slots, slot)
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=5m")
		cmd.Env = append(os.Environ(), hammerVariable+"="+fmt.Sprintf("%s %d %s", filepath.Join(dir, strconv.Itoa(n)), slot, prefix))
		var text strings.Builder
		cmd.Stdout, cmd.Stderr = &text, &text
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running[n] = cmd
		go func() { err := cmd.Wait(); ends <- ended{n, err, text.String()} }()
	}
	for slot := range h.Processes {
		start(slot)
	}
	killed, tick := map[int]bool{}, time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for len(running) > 0 {
		select {
		case <-tick.C:
			if len(killed) == h.Kills {
				continue
			}
			for n, cmd := range running { // in random order
				if info, err := os.Stat(filepath.Join(dir, strconv.Itoa(n))); !killed[n] && err == nil && info.Size() > 0 { // at work
					killed[n] = true
					_ = cmd.Process.Signal(syscall.SIGKILL)
					break
				}
			}
		case e := <-ends:
			delete(running, e.n)
			switch {
			case killed[e.n]:
				start(slots[e.n])
			case e.err != nil:
				t.Errorf("process %d: %v\n%s", e.n, e.err, e.text)
			}
		}
	}
	t.Logf("%d processes, %d of them killed", len(slots), len(killed))
	if len(killed) < h.Kills/2 {
		t.Errorf("only %d processes were killed; more keys are needed", len(killed))
	}
}

// work is what a process does: it claims keys, does their work, which is a line in a file, and completes them.
func (h Hammer) work(t *testing.T, place string) {
	var name, prefix string
	var slot uint64
	if _, err := fmt.Sscan(place, &name, &slot, &prefix); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	note := func(what string, key int, value string) {
		if _, err := fmt.Fprintf(file, "%s %d %s\n", what, key, value); err != nil { // one write, which outlives a kill
			t.Fatal(err)
		}
	}
	store, ctx := h.Open(), context.Background()
	keys := rand.New(rand.NewPCG(slot, 0)).Perm(h.Keys)[:max(1, h.Keys*h.Copies/h.Processes)]
	slices.Sort(keys) // so that processes meet
	later := func(key int) { keys = slices.Insert(keys, min(len(keys), 10), key) }
	for turn := 0; len(keys) > 0; turn++ {
		key := keys[0]
		keys = keys[1:]
		token := fmt.Sprintf("%s-%d", filepath.Base(name), turn)
		id, value := prefix+strconv.Itoa(key), `"`+token+`"`
		done, err := store.Claim(ctx, idempotency.Claim{Key: id, Token: token, Lease: time.Now().Add(h.Lease), Expiry: time.Hour})
		switch {
		case err != nil:
			later(key) // in progress, or the store has trouble
			if !errors.Is(err, idempotency.ErrInProgress) {
				t.Log(err)
			}
			time.Sleep(5 * time.Millisecond)
			continue
		case done != nil:
			note("seen", key, string(done.Value))
			continue
		}
		note("work", key, value)
		switch p := rand.Float64(); {
		case p < 0.01:
			time.Sleep(3 * h.Lease)
		case p < 0.3:
			time.Sleep(rand.N(3 * time.Millisecond))
		}
		if rand.Float64() < 0.1 { // it failed
			note("failed", key, value)
			if err := store.Release(ctx, id, token); err != nil && !errors.Is(err, idempotency.ErrLeaseLost) {
				t.Log(err)
			}
			later(key)
			continue
		}
		err = store.Complete(ctx, id, token, idempotency.Completion{Value: []byte(value), Expires: time.Now().Add(time.Hour)})
		switch {
		case err == nil:
			note("done", key, value)
		case errors.Is(err, idempotency.ErrLeaseLost):
			note("lost", key, value)
		default:
			t.Log(err)
			note("unknown", key, value)
		}
		if err != nil {
			later(key)
		}
	}
}

// judge reads what the processes have written.
func (h Hammer) judge(t *testing.T, dir, prefix string) {
	type history struct{ work, failed, lost, done, unknown int }
	histories := make([]history, h.Keys)
	values := make([]map[string]bool, h.Keys) // that completions had, by whoever knows of one
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	cut := make([]int, h.Keys) // work whose end nobody has written: the process was killed
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		open := -1
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			var what, value string
			var key int
			if n, err := fmt.Sscan(lines.Text(), &what, &key, &value); n != 3 {
				t.Fatal(lines.Text(), err)
			}
			k := &histories[key]
			if values[key] == nil {
				values[key] = map[string]bool{}
			}
			switch what {
			case "seen":
				values[key][value] = true
				continue
			case "work":
				k.work++
				open = key
				continue
			case "failed":
				k.failed++
			case "lost":
				k.lost++
			case "unknown":
				k.unknown++
			case "done":
				k.done++
				values[key][value] = true
			}
			open = -1
		}
		if open >= 0 {
			cut[open]++
		}
		_ = file.Close()
	}
	store, again, total := h.Open(), 0, history{}
	for key, k := range histories {
		if k.work == 0 {
			continue // nobody has drawn it
		}
		total = history{total.work + k.work, total.failed + k.failed, total.lost + k.lost, total.done + k.done, total.unknown + k.unknown}
		again += cut[key]
		if k.done > 1 || k.done+k.unknown+cut[key] == 0 {
			t.Errorf("key %d: %d completions", key, k.done)
		}
		if k.work != k.failed+k.lost+k.done+k.unknown+cut[key] {
			t.Errorf("key %d: %d times worked on, of which %+v and %d kills tell", key, k.work, k, cut[key])
		}
		done, err := store.Claim(t.Context(), idempotency.Claim{Key: prefix + strconv.Itoa(key), Token: "judge", Lease: time.Now().Add(h.Lease), Expiry: time.Hour})
		switch {
		case err != nil:
			t.Errorf("key %d: %v", key, err)
		case done == nil:
			t.Errorf("key %d is not completed", key)
		default:
			values[key][string(done.Value)] = true
			if len(values[key]) != 1 {
				t.Errorf("key %d: completions with the values %v were seen", key, values[key])
			}
		}
	}
	t.Logf("%+v, %d cut off", total, again)
	if total.lost == 0 || total.failed == 0 || total.done < h.Keys/2 {
		t.Error("leases have to be lost, handlers to fail and keys to be completed for this to say something")
	}
}
