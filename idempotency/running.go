package idempotency

import (
	"context"
	"fmt"
	"reflect"
	"sync"
)

// shared is what the wraps of one store in this process share: their names, and the keys that they are at
// work on. So a twin of a record in the same batch waits for the first without asking the store again and
// again.
type shared struct {
	mu      sync.Mutex
	names   map[string]bool
	running map[string]*holder
}

// stores is the one variable of the package: a process has each store once, and only here can two wraps of it
// meet. Entries stay, since wraps live as long as the process.
var stores = struct {
	mu sync.Mutex
	of map[Store]*shared
}{of: map[Store]*shared{}}

// sharedBy returns what the wraps of a store share, and takes a name for one of them.
func sharedBy(store Store, name string) (*shared, error) {
	if !reflect.TypeOf(store).Comparable() {
		return nil, fmt.Errorf("the store is a %T, which cannot be compared: must be a pointer", store)
	}
	stores.mu.Lock()
	defer stores.mu.Unlock()
	s := stores.of[store]
	if s == nil {
		s = &shared{names: map[string]bool{}, running: map[string]*holder{}}
		stores.of[store] = s
	}
	if s.names[name] {
		return nil, fmt.Errorf("%q is the name of another handler of this store: they would take each other's records for duplicates", name)
	}
	s.names[name] = true
	return s, nil
}

// holder is a handling of a key in this process.
type holder struct {
	ctx   context.Context // of its attempt
	ended chan struct{}   // closed when it has ended
}

// enter makes a new holder the one of key and returns it, or returns the one that there is. A holder whose context
// has ended has been abandoned and is in nobody's way.
func (s *shared) enter(ctx context.Context, key string) (mine, other *holder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if other = s.running[key]; other != nil && other.ctx.Err() == nil {
		return nil, other
	}
	mine = &holder{ctx: ctx, ended: make(chan struct{})}
	s.running[key] = mine
	return mine, nil
}

func (s *shared) leave(key string, mine *holder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running[key] == mine {
		delete(s.running, key)
	}
	close(mine.ended)
}
