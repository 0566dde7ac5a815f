package guard

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// However a call ends, whoever made it gets to know, once.
func TestEveryEndIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		f     func()
		how   How
		value any
	}{
		"returns":              {func() {}, Returned, nil},
		"panics":               {func() { panic("p") }, Panicked, "p"},
		"panics with nil":      {func() { panic(nil) }, Panicked, new(runtime.PanicNilError)},
		"Goexit":               {func() { runtime.Goexit() }, Exited, nil},
		"Goexit after panic":   {func() { defer runtime.Goexit(); panic("p") }, Exited, nil},
		"panic after Goexit":   {func() { defer panic("q"); runtime.Goexit() }, Panicked, "q"},
		"recovers by itself":   {func() { defer func() { _ = recover() }(); panic("p") }, Returned, nil},
		"fails to dereference": {func() { var p *int; *p = 1 }, Panicked, nil},
	} {
		t.Run(name, func(t *testing.T) {
			ends := []End{}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				Call(c.f, func(end End) { ends = append(ends, end) })
			}()
			<-ended
			require.Len(t, ends, 1)
			for _, end := range append(ends, Within(nil, c.f)) {
				assert.Equal(t, c.how, end.How)
				if c.value != nil {
					assert.IsType(t, c.value, end.Value)
				}
				assert.Equal(t, c.how == Panicked, len(end.Stack) > 0)
			}
		})
	}
}

// What does not end is left behind when the time is up.
func TestWhatHangsIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done, release := make(chan struct{}), make(chan struct{})
		time.AfterFunc(time.Second, func() { close(done) })
		began := time.Now()
		assert.Equal(t, Left, Within(done, func() { <-release }).How)
		assert.Equal(t, time.Second, time.Since(began))
		assert.Equal(t, Left, Within(done, func() { <-release }).How, "and at once if it is up already")
		close(release)
	})
}

func deep(n int) {
	if n == 0 {
		panic("deep")
	}
	deep(n - 1)
}

// At most 8 KB of a stack, and one text for all panics at a place.
func TestStacksAreBoundedAndShared(t *testing.T) {
	stackOf := func(f func()) (stack []byte) {
		Call(f, func(end End) { stack = end.Stack })
		return stack
	}
	long := stackOf(func() { deep(1000) })
	assert.LessOrEqual(t, len(long), MaxStack)
	assert.Contains(t, string(long), "guard.deep")
	var same [][]byte
	for range 3 {
		same = append(same, stackOf(func() { panic(1) }))
	}
	assert.Same(t, &same[0][0], &same[2][0])
	assert.NotSame(t, &same[0][0], &long[0])
	for i := range 3 * maxPlaces {
		stackOf(func() { deep(i % 40) })
	}
	assert.LessOrEqual(t, len(places.texts), maxPlaces)
}

type (
	itself   struct{ Me any }
	nested   struct{ Inner fmt.Stringer }
	printed  struct{}
	broken   struct{}
	brokenE  struct{}
	pointerE struct{ text string }
)

func (printed) String() string    { return "printed" }
func (broken) String() string     { panic("String panics") }
func (brokenE) Error() string     { panic(broken{}) }
func (p *pointerE) Error() string { return p.text }

// Any value has a text, which is bounded.
func TestEveryValueIsShown(t *testing.T) {
	m := map[string]any{"a": 1}
	m["self"] = m
	list := []any{1}
	list[0] = list
	me := &itself{}
	me.Me = me
	wide := make([]int, 1_000_000)
	bush := []any{}
	for range 50 {
		bush = []any{bush, bush}
	}
	for name, c := range map[string]struct {
		v    any
		want string
	}{
		"nil":                  {nil, "<nil>"},
		"text":                 {"a b", "a b"},
		"number":               {-7, "-7"},
		"unsigned":             {uint8(7), "7"},
		"float":                {1.5, "1.5"},
		"complex":              {complex(1, 2), "(1+2i)"},
		"bool":                 {true, "true"},
		"error":                {errors.New("e"), "e"},
		"stringer":             {printed{}, "printed"},
		"duration":             {time.Second, "1s"},
		"nested stringer":      {nested{printed{}}, "{printed}"},
		"struct":               {struct{ A, b any }{1, "x"}, "{1 x}"},
		"pointer":              {&struct{ A int }{1}, "&{1}"},
		"nil pointer":          {(*itself)(nil), "<nil>"},
		"slice":                {[]int{1, 2}, "[1 2]"},
		"map":                  {map[string]int{"a": 1}, "map[a:1]"},
		"function":             {func() {}, "func()"},
		"nil error pointer":    {(*pointerE)(nil), "a nil *guard.pointerE as an error"},
		"String panics":        {broken{}, "a guard.broken whose String method panicked: String panics"},
		"Error panics":         {brokenE{}, "a guard.brokenE whose Error method panicked with a guard.broken"},
		"a map in itself":      {m, ""},
		"a slice in itself":    {list, "[[[[[[[…]]]]]]]"},
		"a struct in itself":   {me, ""},
		"a slice of a million": {wide, ""},
		"a bush":               {bush, ""},
		"a long text":          {strings.Repeat("é", 1000), strings.Repeat("é", 512) + "…"},
		"a runtime error":      {reflect.ValueOf(errors.New).Call, "func([]reflect.Value) []reflect.Value"},
	} {
		got := Show(c.v)
		if c.want != "" {
			assert.Equal(t, c.want, got, name)
		}
		assert.NotEmpty(t, got, name)
		assert.LessOrEqual(t, len(got), maxShown+len("…"), name)
	}
}

func TestTextIsThatOfTheErrorOrSaysWhyNot(t *testing.T) {
	assert.Equal(t, "<nil>", Text(nil))
	assert.Equal(t, "e", Text(errors.New("e")))
	assert.Equal(t, "a nil *guard.pointerE as an error", Text((*pointerE)(nil)))
	assert.Contains(t, Text(brokenE{}), "a guard.brokenE whose Error method panicked")
	assert.Equal(t, "ab…", Bounded("abc", 2))
	assert.Equal(t, "…", Bounded("é", 1))
	assert.Equal(t, "é", Bounded("é", 2))
}
