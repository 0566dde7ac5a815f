package repo_test

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// SPEC 1, 9: what decodes payloads knows the event types, those of Kafka with what reads them included, and the
// errors of records, and nothing else of the library or of anyone: no actors, no AWS SDK.
func TestPayloadPackagesLinkNothingButEventTypes(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", module+"/typed", module+"/envelope")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", &stderr)
	var foreign []string
	for path := range strings.FieldsSeq(string(out)) {
		if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") {
			foreign = append(foreign, path)
		}
	}
	assert.ElementsMatch(t, []string{
		awsLambda + "/events", module + "/messages", module + "/sources", module + "/response", module + "/kafka/wire",
		module + "/typed", module + "/envelope",
	}, foreign)
}
