package semantics_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
)

// secret is in every payload, every group and every attribute of these tests.
const secret = "s3cr3t-s3cr3t-15"

// leaks returns the ways in which text tells the secret: plain, quoted, as base64 at any of the three
// alignments, in hexadecimal or as numbers.
func leaks(text string) (found []string) {
	looks := map[string]string{"plain": secret, "hexadecimal": fmt.Sprintf("%x", secret), "numbers": strings.Trim(fmt.Sprint([]byte(secret)), "[]")}
	for shift := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + secret))
		looks[fmt.Sprint("base64 at ", shift)] = encoded[4 : len(encoded)-4]
	}
	for name, look := range looks {
		if strings.Contains(strings.ToLower(text), strings.ToLower(look)) {
			found = append(found, name)
		}
	}
	return found
}

func TestTheSearchForTheSecretFindsIt(t *testing.T) {
	for shift := range 3 {
		assert.NotEmpty(t, leaks(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift)+secret+"and more"))))
	}
	assert.NotEmpty(t, leaks("group=\"my "+secret+"\""))
	assert.NotEmpty(t, leaks(fmt.Sprint([]byte("my "+secret))))
	assert.Empty(t, leaks("nothing here"))
}

// texts returns every text of an error and of those in it, PanicErrors' stacks left out.
func texts(err error) (all []string) {
	if err == nil {
		return nil
	}
	all = append(all, fmt.Sprintf("%v %+v %q", err, err, err))
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			all = append(all, texts(inner)...)
		}
	case interface{ Unwrap() error }:
		all = append(all, texts(e.Unwrap())...)
	}
	return all
}

// SPEC S9: nothing of a payload, and no group, gets into an error or a log line of troupe's, whatever it is
// that fails.
func TestNothingOfAPayloadIsToldInErrorsAndLogs(t *testing.T) {
	const long = secret + secret + secret
	// Records whose payload cannot be decoded, by what is wrong with it: the text is a record's of the source.
	broken := map[string][][2]string{
		standard: {{`"body":"` + long + `"`, `"body":["` + long + `"]`}, {`"body":"` + long + `"`, `"body":{"` + long + `":"` + long + `"}`}, {`"messageAttributes":{}`, `"messageAttributes":{"` + long + `":{"binaryValue":"` + long + `!"}}`}, {`"messageAttributes":{}`, `"messageAttributes":{"` + long + `":{"dataType":["` + long + `"]}}`}},
		fifo:     {{`"body":"` + long + `"`, `"body":["` + long + `"]`}, {`"MessageGroupId":"` + long + `"`, `"MessageGroupId":["` + long + `"]`}, {`"MessageGroupId":"` + long + `"`, `"MessageGroupId":{"` + long + `":1}`}},
		kinesis:  {{`"data":"` + base64.StdEncoding.EncodeToString([]byte(long)) + `"`, `"data":"` + long + `!"`}, {`1545084650.987`, `"` + long + `"`}, {`"partitionKey":"` + long + `"`, `"partitionKey":["` + long + `"]`}, {`"kinesisSchemaVersion":"1.0"`, `"kinesisSchemaVersion":{"` + long + `":0}`}},
		dynamodb: {{`"body":{"S":"` + long + `"}`, `"` + long + `":{"S":["` + long + `"]}`}, {`"body":{"S":"` + long + `"}`, `"` + long + `":{"` + long + `":"` + long + `"}`}, {`"body":{"S":"` + long + `"}`, `"` + long + `":{"B":"` + long + `!"}`}, {`"Keys":{"pk":{"S":"` + long + `"}`, `"Keys":{"` + long + `":{"N":["` + long + `"]}`}, {`"SizeBytes":26`, `"SizeBytes":"` + long + `"`}},
	}
	for _, source := range sources {
		whole := func(i int) string {
			return written(source, record{id: fmt.Sprint(i), group: long, body: long})
		}
		events := map[string][]byte{
			"good records":         event(whole(1), whole(2), whole(3), whole(4), whole(5), whole(6)),
			"no event":             []byte(`["` + long + `"]`),
			"no JSON":              []byte(long),
			"no JSON in a record":  []byte(`{"Records":[` + whole(1) + `,{"` + long + `":"\` + long + `"}]}`),
			"cut short":            event(whole(1))[:300],
			"no records":           []byte(`{"` + long + `":"` + long + `"}`),
			"records of no kind":   []byte(`{"Records":"` + long + `"}`),
			"a record of no kind":  event(whole(1), `"`+long+`"`),
			"no identifier":        event(whole(1), `{"body":"`+long+`","`+long+`":"`+long+`"}`),
			"another source":       event(whole(1), `{"eventSource":"`+long+`","messageId":"2"}`),
			"identifier of a kind": event(strings.NewReplacer(`"messageId":"1"`, `"messageId":["`+long+`"]`, `"sequenceNumber":"1"`, `"sequenceNumber":["`+long+`"]`, `"SequenceNumber":"1"`, `"SequenceNumber":["`+long+`"]`).Replace(whole(1))),
		}
		for i, change := range broken[source] {
			events[fmt.Sprint("undecodable ", i)] = event(whole(1), replace(t, whole(2), change[0], change[1]), whole(3))
		}
		for name, payload := range events {
			for _, policy := range []troupe.Policy{troupe.Derive, troupe.Continue, troupe.StopBatch, troupe.StopGroup} {
				t.Run(fmt.Sprint(source, "/", name, "/", policy), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						release := make(chan struct{})
						var text bytes.Buffer
						logger := slog.New(slog.NewJSONHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug - 10, AddSource: true}))
						var seen reported
						var told []string
						options := []troupe.Option{
							troupe.WithErrorWhen(troupe.ErrorWhenAny), troupe.WithLogger(logger), troupe.WithObserver(seen.observe), troupe.WithRecordTimeout(time.Second),
							troupe.WithRetry(troupe.Retry{Times: 1, Panics: true, Base: 1}), troupe.WithReserve(time.Hour), troupe.WithPolicy(policy),
							troupe.WithObserver(func(context.Context, *troupe.Report) { panic("an observer") }),
							troupe.WithFailureHook(func(_ context.Context, _ troupe.Record, err error) {
								told = append(told, texts(err)...)
								panic("a hook")
							}),
						}
						if policy == troupe.Derive {
							options = append(options, troupe.WithDecider(func(_ troupe.Record, err error) troupe.Policy { panic(err) }))
						}
						p := process(source, func(ctx context.Context, body string) error {
							if body != long {
								panic("the record of the test is another one")
							}
							rec, _ := troupe.RecordFrom(ctx)
							switch rec.Index {
							case 0:
								return errHandler
							case 1:
								panic(errHandler)
							case 2:
								runtime.Goexit()
							case 3:
								<-release
							case 4:
								<-ctx.Done()
								return ctx.Err()
							}
							return nil
						}, options...)
						ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
						defer cancel()
						_, err := p.Invoke(ctx, payload)
						close(release)
						require.Error(t, err)
						told = append(told, texts(err)...)
						if seen.Report != nil {
							require.NotZero(t, text.Len(), "a failing batch is logged")
							for _, r := range seen.Records {
								told = append(told, texts(r.Err)...)
							}
							document, err := json.Marshal(seen.Report)
							require.NoError(t, err)
							told = append(told, string(document), seen.String())
						}
						for _, what := range append(told, text.String()) {
							assert.Empty(t, leaks(what), "%s", what)
						}
					})
				})
			}
		}
	}
}

// SPEC S9: a group is logged as a hash, the same for the same group.
func TestAGroupIsLoggedAsAHash(t *testing.T) {
	hash := func(group string) string {
		var text bytes.Buffer
		p := process(kinesis, func(context.Context, string) error { return errHandler }, troupe.WithErrorWhen(troupe.ErrorWhenNever),
			troupe.WithLogger(slog.New(slog.NewJSONHandler(&text, nil))))
		_, err := p.Invoke(context.Background(), document(kinesis, record{id: "1", group: group}))
		require.NoError(t, err)
		var line map[string]any
		require.NoError(t, json.Unmarshal(text.Bytes(), &line), "%s", &text)
		hash, _ := line["first_group_hash"].(string)
		return hash
	}
	a := hash("customer-4711")
	assert.NotEmpty(t, a)
	assert.NotContains(t, a, "4711")
	assert.Equal(t, a, hash("customer-4711"))
	assert.NotEqual(t, a, hash("customer-4712"))
}
