package main

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/test/explained"
)

// tree is a module with a function that has one branch, twice, a method, and a function without a name.
var tree = fstest.MapFS{
	"go.mod": {Data: []byte("module example.com/m\n\ngo 1.26\n")},
	"a.go": {Data: []byte(`package m

func f(n int) int {
	if n > 1 {
		return 1
	}
	if n > 0 {
		return 1
	}
	return 2
}

var g = func() int { return 3 }
`)},
	"p/b.go": {Data: []byte(`package p

type box[T any] struct{}

func (b *box[T]) open() int { return 4 }
func (box[T]) mark()        {}
`)},
}

// profile has blocks that two packages could reach, and that one, both or none of them did.
const profile = `mode: set
example.com/m/a.go:3.19,4.11 1 1
example.com/m/a.go:4.11,6.3 1 0
example.com/m/a.go:7.2,7.11 1 1
example.com/m/a.go:7.11,9.3 1 0
example.com/m/a.go:10.2,10.10 1 0
example.com/m/a.go:13.20,13.32 1 0
example.com/m/p/b.go:5.29,5.41 1 0
example.com/m/p/b.go:6.29,6.30 0 0
example.com/m/a.go:3.19,4.11 1 1
example.com/m/a.go:4.11,6.3 1 1
example.com/m/a.go:7.2,7.11 1 0
example.com/m/a.go:7.11,9.3 1 0
example.com/m/a.go:10.2,10.10 1 1
example.com/m/a.go:13.20,13.32 1 0
example.com/m/p/b.go:5.29,5.41 1 0
example.com/m/p/b.go:6.29,6.30 0 0
`

func located(t *testing.T) []*block {
	t.Helper()
	blocks, err := parseProfile(profile)
	require.NoError(t, err)
	require.NoError(t, locate(blocks, tree))
	return blocks
}

func TestABlockIsCoveredIfAnyPackageCoversIt(t *testing.T) {
	var covered, not []string
	for _, b := range located(t) {
		if b.covered {
			covered = append(covered, b.place.String())
		} else {
			not = append(not, b.place.String())
		}
	}
	assert.Equal(t, []string{
		"a.go:f: func f(n int) int {",
		"a.go:f: if n > 1 {",
		"a.go:f: if n > 0 {",
		"a.go:f: return 2",
	}, covered)
	assert.Equal(t, []string{
		"a.go:f/2: if n > 0 {",
		"a.go:var: var g = func() int { return 3 }",
		"p/b.go:box.open: func (b *box[T]) open() int { return 4 }",
	}, not, "and blocks without a statement are none")
}

func TestSharesAreOfStatementsByPackage(t *testing.T) {
	assert.Equal(t, []share{
		{"example.com/m", 6, 4},
		{"example.com/m/p", 1, 0},
		{"all", 7, 4},
	}, sharesOf(located(t)))
	assert.InDelta(t, 57.1, share{"all", 7, 4}.percent(), 0.1)
}

func TestAShareBelowTheLeastIsAFault(t *testing.T) {
	faults := tooLow([]share{{"p", 100, 95}, {"q", 1000, 949}, {"r", 20, 20}})
	assert.Equal(t, []string{"q: tests cover 94.90 % of the statements where at least 95 % are needed: write some"}, faults)
}

const (
	branch  = "a.go:f/2: if n > 0 {  # a reason\n"
	literal = "a.go:var: var g = func() int { return 3 }  # a reason\n"
	opening = "p/b.go:box.open: func (b *box[T]) open() int { return 4 }  # a reason\n"
)

func TestTheListHasToFitTheCode(t *testing.T) {
	for name, c := range map[string]struct {
		list   string
		faults []string // the start and the end of each
	}{
		"it does":              {"# for readers\n\n" + branch + literal + opening, nil},
		"an unexplained block": {branch + literal, []string{"p/b.go:5: no test covers this: write one, or explain…\n\tp/b.go:box.open: func (b *box[T]) open() int { return 4 }  # WHY"}},
		"a covered block": {branch + literal + opening + "a.go:f: return 2  # a reason",
			[]string{"test/cover/uncovered.txt: tests cover this now: delete its line…\n\ta.go:f: return 2"}},
		"a block that is gone": {branch + literal + opening + "a.go:f: return 5  # a reason",
			[]string{"test/cover/uncovered.txt: there is no such block: correct its line, or delete it…\n\ta.go:f: return 5"}},
		"a function that is gone": {branch + literal + opening + "a.go:h: return 2  # a reason",
			[]string{"test/cover/uncovered.txt: there is no such block…\n\ta.go:h: return 2"}},
		"sometimes, covered":     {branch + literal + opening + "a.go:f: return 2  # sometimes: a reason", nil},
		"sometimes, not covered": {branch + literal + strings.Replace(opening, "# ", "# sometimes: ", 1), nil},
		"sometimes, gone": {branch + literal + opening + "a.go:f: return 5  # sometimes: a reason",
			[]string{"test/cover/uncovered.txt: there is no such block…\n\ta.go:f: return 5"}},
	} {
		t.Run(name, func(t *testing.T) {
			entries, err := explained.Parse(list, c.list)
			require.NoError(t, err)
			faults := compare(located(t), entries)
			require.Len(t, faults, len(c.faults), "%v", faults)
			for i, want := range c.faults {
				start, end, _ := strings.Cut(want, "…")
				assert.True(t, strings.HasPrefix(faults[i], start), faults[i])
				assert.True(t, strings.HasSuffix(faults[i], end), faults[i])
			}
		})
	}
}

func TestALineOfTheListSaysWhy(t *testing.T) {
	for text, says := range map[string]string{
		"a.go:f: return 2":                  "uncovered.txt:1: does not say why",
		"\na.go:f: return 2  # ":            "uncovered.txt:2: does not say why",
		"a.go:f: return 2  # sometimes: ":   "uncovered.txt:1: does not say why",
		branch + literal + branch:           "uncovered.txt:3: is there twice",
		"a.go:f: return 2 # only one space": "uncovered.txt:1: does not say why",
	} {
		_, err := explained.Parse(list, text)
		assert.ErrorContains(t, err, says, text)
	}
}

func TestAProfileThatCannotBeReadIsAnError(t *testing.T) {
	for text, says := range map[string]string{
		"":                                     "starts with its mode",
		"mode: set\nexample.com/m/a.go:3.19 1": "line 2 of the profile is no block",
	} {
		_, err := parseProfile(text)
		assert.ErrorContains(t, err, says)
	}
	blocks, err := parseProfile("mode: set\nexample.com/m/a.go:99.2,99.3 1 0")
	require.NoError(t, err)
	require.ErrorContains(t, locate(blocks, tree), "a.go has no line 99: the profile is not of this code")
}
