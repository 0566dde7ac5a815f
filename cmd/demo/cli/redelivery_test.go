package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// With --dead-letter-after the function puts aside the messages that fail, and the verdict says how many.
func TestStressDeadLettersByTheFunction(t *testing.T) {
	for _, source := range []string{"sqs", "fifo"} {
		r := stressed(t, "--source "+source+" --records 300 --groups 30 --seed 1 --fail 0.15 --panic 0.05 --backoff 1s --dead-letter-after 2 --work 0s --policy stop-group")
		assert.Equal(t, "pass", r.Verdict, r.Violations)
		assert.Positive(t, r.Forwarded)
		assert.Equal(t, 300, r.Succeeded+r.Forwarded+r.DeadLettered-r.InVain, "everything is accounted for")
	}
	first, _, _ := strings.Cut(stressWith(t, nil, "--source sqs --records 200 --seed 1 --fail 0.3 --dead-letter-after 1 --work 0s").stdout, "\n")
	assert.Contains(t, first, " dead-lettered by the function")
}

// The flags of package redelivery are for queues that honor a partial response.
func TestFlagsOfRedeliveryAreChecked(t *testing.T) {
	for args, want := range map[string]string{
		"--backoff 1ms":                                       "--backoff 1ms: must be a duration of at least 1s",
		"--dead-letter-after 0":                               "--dead-letter-after 0: must be a whole number of at least 1",
		"--source kinesis --backoff 1s":                       "--backoff 1s: must be used with --source sqs or fifo",
		"--source kafka --dead-letter-after 2":                "--dead-letter-after 2: must be used with --source sqs or fifo",
		"--backoff 1s --error-when any":                       "--backoff 1s: must not be used with --error-when any, which redelivers the whole batch",
		"--source sqs --dead-letter-after 2 --error-when any": "--dead-letter-after 2: must not be used with --error-when any",
	} {
		r := execute(t, "", append([]string{"stress"}, strings.Fields(args)...)...)
		assert.Equal(t, exitUsage, r.code, args)
		assert.Contains(t, r.stderr, want)
	}
}
