package dynamodbstore

import (
	"errors"
	"fmt"
	"time"
)

// Option changes what New does.
type Option func(*settings) error

type settings struct {
	Attributes
	sortKey   string
	partition string
	native    bool
	now       func() time.Time
}

// Attributes are the names of the attributes of an item.
type Attributes struct {
	ID         string // the key. Default: "id"
	Status     string // INPROGRESS or COMPLETED. Default: "status"
	Expiration string // when the item may be deleted, in seconds. Default: "expiration"
	Lease      string // when a claim ends, in milliseconds. Default: "in_progress_expiration"
	Data       string // the value. Default: "data"
	Validation string // the hash of the payload. Default: "validation"
	Token      string // whose claim it is. Default: "token"
}

func (a *Attributes) all() []*string {
	return []*string{&a.ID, &a.Status, &a.Expiration, &a.Lease, &a.Data, &a.Validation, &a.Token}
}

// WithAttributes sets names of attributes; those that are empty keep their default.
func WithAttributes(names Attributes) Option {
	return func(s *settings) error {
		given := names.all()
		for i, name := range s.all() {
			if *given[i] != "" {
				*name = *given[i]
			}
		}
		return nil
	}
}

// WithSortKey is for a table with a sort key, of type S, which then holds the key. partition is the value of the
// partition key of all items; Powertools uses "idempotency#" and the name of the function.
func WithSortKey(name, partition string) Option {
	return func(s *settings) error {
		switch {
		case name == "":
			return errors.New("WithSortKey: the name of the attribute is empty")
		case partition == "" || len(partition) > maxPartitionKey:
			return fmt.Errorf("WithSortKey: a partition of %d bytes; 1 to %d are allowed", len(partition), maxPartitionKey)
		}
		s.sortKey, s.partition = name, partition
		return nil
	}
}

// WithNativeData stores values as attributes (maps, lists, numbers), as Powertools for TypeScript does.
// Default: as JSON in a string, as the other Powertools do. Both are read either way; a string is read as JSON by
// default, and as a plain string with this option.
func WithNativeData() Option {
	return func(s *settings) error { s.native = true; return nil }
}

// WithClock sets the clock that leases and expiries are compared with, for tests. Default: time.Now.
func WithClock(now func() time.Time) Option {
	return func(s *settings) error {
		if now == nil {
			return errors.New("WithClock: nil; a function is needed")
		}
		s.now = now
		return nil
	}
}

func settingsOf(options []Option) settings {
	s := settings{
		Attributes: Attributes{"id", "status", "expiration", "in_progress_expiration", "data", "validation", "token"},
		now:        time.Now,
	}
	for _, o := range options {
		if o == nil {
			panic(errors.New("troupe: dynamodbstore: an option is nil"))
		}
		if err := o(&s); err != nil {
			panic(fmt.Errorf("troupe: dynamodbstore: %w", err))
		}
	}
	seen := map[string]bool{s.sortKey: s.sortKey != ""}
	for _, name := range s.all() {
		if seen[*name] {
			panic(fmt.Errorf("troupe: dynamodbstore: the attribute %q has two meanings", *name))
		}
		seen[*name] = true
	}
	return s
}
