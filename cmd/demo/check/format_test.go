package check

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// faulty is a report with a fault and a rule that could not be decided.
func faulty(t *testing.T) Report {
	t.Helper()
	text := strings.NewReplacer(`"VisibilityTimeout": 190`, `"VisibilityTimeout": 18`, `"BatchSize": 100`, `"BatchSize": {"Ref": "Size"}`).Replace(cloudformation)
	r, err := Check(File{"infra/a template.json", []byte(text)})
	require.NoError(t, err)
	require.Len(t, r.Findings, 2)
	return r
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, faulty(t).WriteJSON(&out))
	var got map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	assert.EqualValues(t, []any{1.0, 1.0, 1.0}, []any{got["faults"], got["not_known"], got["files"]})
	findings := got["findings"].([]any)
	first, second := findings[0].(map[string]any), findings[1].(map[string]any)
	assert.Equal(t, []any{"visibility-timeout", "fault", "infra/a template.json", 4.0, "Orders"}, []any{first["rule"], first["status"], first["file"], first["line"], first["subject"]})
	assert.Equal(t, []any{"batch-window", "not_known"}, []any{second["rule"], second["status"]})
	assert.Contains(t, first["page"], "https://docs.aws.amazon.com/")

	out.Reset()
	require.NoError(t, Report{}.WriteJSON(&out))
	assert.Contains(t, out.String(), `"findings": []`)
}

// required has the properties that the schema of SARIF 2.1.0 requires of each kind of object that a report has, and the
// values that it allows where those are few.
var required = map[string][]string{
	"":                     {"version", "runs"},
	"runs":                 {"tool"},
	"tool":                 {"driver"},
	"driver":               {"name"},
	"rules":                {"id"},
	"shortDescription":     {"text"},
	"fullDescription":      {"text"},
	"help":                 {"text"},
	"message":              {"text"},
	"results":              {"message"},
	"locations":            {},
	"physicalLocation":     {"artifactLocation"},
	"artifactLocation":     {"uri"},
	"region":               {"startLine"},
	"driver.rules":         {"id"},
	"results.locations":    {},
	"artifactLocation.uri": {},
}

func TestSARIFHasWhatItsSchemaRequires(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, faulty(t).WriteSARIF(&out, "v0.1.0"))
	var log map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &log))
	var walk func(name string, v any)
	walk = func(name string, v any) {
		switch v := v.(type) {
		case map[string]any:
			properties, known := required[name]
			assert.True(t, known, "what is a %s?", name)
			for _, p := range properties {
				assert.Contains(t, v, p, name)
			}
			for key, value := range v {
				walk(key, value)
			}
		case []any:
			for _, item := range v {
				walk(name, item)
			}
		}
	}
	walk("", log)

	assert.Equal(t, "2.1.0", log["version"])
	run := log["runs"].([]any)[0].(map[string]any)
	driver := run["tool"].(map[string]any)["driver"].(map[string]any)
	assert.Equal(t, "v0.1.0", driver["version"])
	assert.Contains(t, []any{"utf16CodeUnits", "unicodeCodePoints"}, run["columnKind"])
	ids := map[string]int{}
	for i, rule := range driver["rules"].([]any) {
		ids[rule.(map[string]any)["id"].(string)] = i
	}
	assert.Len(t, ids, len(Rules()), "each rule has an identifier of its own")
	kinds := []any{}
	for _, result := range run["results"].([]any) {
		result := result.(map[string]any)
		assert.EqualValues(t, ids[result["ruleId"].(string)], result["ruleIndex"])
		location := result["locations"].([]any)[0].(map[string]any)["physicalLocation"].(map[string]any)
		_, err := url.Parse(location["artifactLocation"].(map[string]any)["uri"].(string))
		assert.NoError(t, err)
		assert.Equal(t, "infra/a%20template.json", location["artifactLocation"].(map[string]any)["uri"])
		assert.GreaterOrEqual(t, location["region"].(map[string]any)["startLine"], 1.0)
		kinds = append(kinds, result["kind"], result["level"])
	}
	assert.Equal(t, []any{"fail", "error", "open", "none"}, kinds, "a result that is no failure has the level none")

	out.Reset()
	require.NoError(t, Report{}.WriteSARIF(&out, ""))
	assert.Contains(t, out.String(), `"results": []`)
}

func TestEachRuleHasAPageAndHelp(t *testing.T) {
	for _, r := range Rules() {
		for _, source := range []sourceKind{sqs, kinesis, dynamodb, kafka} {
			page := r.pageOf(source).Page
			assert.True(t, strings.HasPrefix(page, "https://docs.aws.amazon.com/") && strings.HasSuffix(page, ".html"), page)
		}
		assert.NotEmpty(t, r.Help)
		assert.NotEmpty(t, r.Title)
	}
}
