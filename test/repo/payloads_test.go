package repo_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// SPEC 1, 9: what decodes payloads adds nothing to a function but event types: no AWS SDK, and nothing of anyone
// that a function with a processor has not.
func TestPayloadPackagesAddNothingToAFunction(t *testing.T) {
	processor := linkedInto(t, module)
	for pkg, comes := range map[string][]string{
		"typed":    {module + "/typed", module + "/kafka", module + "/firehose"},
		"envelope": {module + "/envelope", module + "/typed", module + "/kafka", module + "/firehose"},
	} {
		var added []string
		for path := range linkedInto(t, module+"/"+pkg) {
			if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") && !processor[path] {
				added = append(added, path)
			}
		}
		assert.ElementsMatch(t, comes, added)
	}
}
