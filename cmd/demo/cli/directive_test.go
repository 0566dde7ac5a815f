package cli

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// SPEC 7: the directive in a body.
func TestDirectiveInJSON(t *testing.T) {
	always := func(do string, work time.Duration) directive { return directive{do, work, -1} }
	for _, test := range []struct {
		text string
		want directive
		err  string // part of it
	}{
		{text: ``, want: always(doOK, 0)},
		{text: `plain text`, want: always(doOK, 0)},
		{text: `{"do":"fail"`, want: always(doOK, 0)},
		{text: `{"do":"fail"} {}`, want: always(doOK, 0)},
		{text: `null`, want: always(doOK, 0)},
		{text: `5`, want: always(doOK, 0)},
		{text: `"fail"`, want: always(doOK, 0)},
		{text: `[{"do":"fail"}]`, want: always(doOK, 0)},
		{text: `{}`, want: always(doOK, 0)},
		{text: `{"order":7}`, want: always(doOK, 0)},
		{text: `{"Do":"fail"}`, want: always(doOK, 0)},
		{text: `{"do":null,"for":null,"times":null}`, want: always(doOK, 0)},
		{text: `{"do":"ok"}`, want: always(doOK, 0)},
		{text: ` { "order" : 7, "do" : "fail" } `, want: always(doFail, 0)},
		{text: `{"do":"f\u0061il"}`, want: always(doFail, 0)},
		{text: `{"do":"panic"}`, want: always(doPanic, 0)},
		{text: `{"do":"exit"}`, want: always(doExit, 0)},
		{text: `{"do":"hang","for":"1m30s"}`, want: always(doHang, 90*time.Second)},
		{text: `{"for":"20ms"}`, want: always(doOK, 20*time.Millisecond)},
		{text: `{"for":"0"}`, want: always(doOK, 0)},
		{text: `{"do":"fail","times":2}`, want: directive{doFail, 0, 2}},
		{text: `{"do":"fail","times":"2"}`, want: directive{doFail, 0, 2}},
		{text: `{"do":"fail","times":0}`, want: directive{doFail, 0, 0}},

		{text: `{"do":"explode"}`, err: `"do" is "explode"; must be one of ok, fail, panic, exit, hang`},
		{text: `{"do":""}`, err: `"do" is ""`},
		{text: `{"do":"FAIL"}`, err: `"do" is "FAIL"`},
		{text: `{"do":1}`, err: `"do" is 1`},
		{text: `{"do":["fail"]}`, err: `"do" is neither string nor number`},
		{text: `{"do":"` + strings.Repeat("x", 1000) + `"}`, err: `"` + strings.Repeat("x", 40) + `…"`},
		{text: `{"do":"ok","for":"soon"}`, err: `"for" is "soon"; must be a duration of at least 0 in a string such as "20ms"`},
		{text: `{"for":"-1ms"}`, err: `"for" is "-1ms"`},
		{text: `{"for":""}`, err: `"for" is ""`},
		{text: `{"for":20}`, err: `"for" is 20`},
		{text: `{"for":0}`, err: `"for" is 0`},
		{text: `{"do":"fail","times":-1}`, err: `"times" is -1; must be a whole number of at least 0`},
		{text: `{"do":"fail","times":1.5}`, err: `"times" is 1.5`},
		{text: `{"do":"fail","times":true}`, err: `"times" is neither string nor number`},
		{text: `{"do":"fail","times":99999999999999999999}`, err: `"times" is 99999999999999999999`},
	} {
		got, err := inJSON([]byte(test.text))
		checkDirective(t, test.text, got, err, test.want, test.err)
	}
}

// SPEC 7: DynamoDB has it in attributes of NewImage, else Keys.
func TestDirectiveInItem(t *testing.T) {
	for _, test := range []struct {
		change string
		want   directive
		err    string
	}{
		{change: `{}`, want: directive{doOK, 0, -1}},
		{change: `{"Keys":{"id":{"S":"1"}},"NewImage":{"id":{"S":"1"},"n":{"N":"5"}}}`, want: directive{doOK, 0, -1}},
		{change: `{"NewImage":{"do":{"S":"fail"},"for":{"S":"5ms"},"times":{"S":"3"}}}`, want: directive{doFail, 5 * time.Millisecond, 3}},
		{change: `{"NewImage":{"do":{"S":"fail"},"times":{"N":"3"}}}`, want: directive{doFail, 0, 3}},
		{change: `{"NewImage":{"do":{"NULL":true},"for":{"S":"5ms"}}}`, want: directive{doOK, 5 * time.Millisecond, -1}},
		{change: `{"Keys":{"do":{"S":"panic"}}}`, want: directive{doPanic, 0, -1}},
		{change: `{"Keys":{"do":{"S":"panic"}},"NewImage":{}}`, want: directive{doPanic, 0, -1}},
		{change: `{"Keys":{"do":{"S":"panic"}},"NewImage":{"for":{"S":"1s"}}}`, want: directive{doOK, time.Second, -1}},
		{change: `{"OldImage":{"do":{"S":"fail"}}}`, want: directive{doOK, 0, -1}},

		{change: `{"NewImage":{"do":{"N":"1"}}}`, err: `"do" is 1`},
		{change: `{"NewImage":{"do":{"BOOL":true}}}`, err: `"do" is neither string nor number`},
		{change: `{"NewImage":{"for":{"N":"20"}}}`, err: `"for" is 20`},
		{change: `{"NewImage":{"times":{"S":"often"}}}`, err: `"times" is "often"`},
	} {
		var change events.DynamoDBStreamRecord
		if err := json.Unmarshal([]byte(test.change), &change); err != nil {
			t.Fatal(err)
		}
		got, err := inItem(change)
		checkDirective(t, test.change, got, err, test.want, test.err)
	}
}

func checkDirective(t *testing.T, in string, got directive, err error, want directive, wantErr string) {
	t.Helper()
	switch {
	case wantErr == "" && (err != nil || got != want):
		t.Errorf("%s: got %+v, %v; want %+v", in, got, err, want)
	case wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)):
		t.Errorf("%s: got error %v; want one with %q", in, err, wantErr)
	}
}

// played is how a call of a handler ended.
type played struct {
	how  string
	err  error
	took time.Duration
}

// play hands a message with the given identifier and body to the demo's handler on a goroutine of its own,
// and returns when it has ended or everything there is hangs.
func play(ctx context.Context, p *player, id, body string) (end played) {
	end.how = "hangs"
	began := time.Now()
	go func() {
		how := "exits"
		defer func() {
			if v := recover(); v != nil {
				how = "panics"
			}
			end = played{how, end.err, time.Since(began)}
		}()
		end.err = p.sqs(ctx, events.SQSMessage{MessageId: id, Body: body})
		how = "returns"
	}()
	time.Sleep(time.Hour)
	synctest.Wait()
	return end
}

// SPEC 7: what the demo's handler does.
func TestHandlerObeysItsDirective(t *testing.T) {
	limit := 50 * time.Millisecond
	for _, test := range []struct {
		body string
		want played
	}{
		{`no directive`, played{"returns", nil, 0}},
		{`{"for":"20ms"}`, played{"returns", nil, 20 * time.Millisecond}},
		{`{"for":"1m"}`, played{"returns", context.DeadlineExceeded, limit}},
		{`{"do":"fail","for":"20ms"}`, played{"returns", errTold, 20 * time.Millisecond}},
		{`{"do":"fail","for":"1m"}`, played{"returns", context.DeadlineExceeded, limit}},
		{`{"do":"panic","for":"20ms"}`, played{"panics", nil, 20 * time.Millisecond}},
		{`{"do":"exit","for":"20ms"}`, played{"exits", nil, 20 * time.Millisecond}},
		{`{"do":"hang"}`, played{"hangs", nil, 0}},
		{`{"do":"hang","for":"20ms"}`, played{"hangs", nil, 0}},
		{`{"do":"hang","for":"1m"}`, played{"returns", context.DeadlineExceeded, limit}},
		{`{"do":"hang","times":0}`, played{"returns", nil, 0}},
	} {
		t.Run(test.body, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				never := make(chan struct{})
				defer close(never)
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				got := play(ctx, &player{never: never}, "id", test.body)
				if got.how != test.want.how || !errors.Is(got.err, test.want.err) || got.took != test.want.took {
					t.Errorf("got %+v, want %+v", got, test.want)
				}
			})
		})
	}
}

// SPEC 7: times counts the attempts of this process at this identifier, and for applies to all of them.
func TestTimesLimitsTheFirstAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(player)
		body := `{"do":"fail","times":2,"for":"20ms"}`
		for i, want := range []error{errTold, errTold, nil, nil} {
			got := play(t.Context(), p, "a", body)
			if got.err != want || got.took != 20*time.Millisecond {
				t.Errorf("attempt %d: %+v, want %v", i+1, got, want)
			}
			if i == 1 {
				if other := play(t.Context(), p, "b", body); other.err != errTold {
					t.Errorf("the first attempt at another identifier: %v, want %v", other.err, errTold)
				}
			}
		}
	})
}

// A directive that is not understood fails whatever else it says.
func TestUnreadableDirectiveFails(t *testing.T) {
	err := new(player).sqs(t.Context(), events.SQSMessage{Body: `{"do":"ok","for":"x","times":0}`})
	if err == nil {
		t.Error("got no error")
	}
}

// Goexit must really be what "exit" does, not a panic that looks like it.
func TestExitRunsDeferredCalls(t *testing.T) {
	done := make(chan any, 1)
	go func() {
		defer func() { done <- recover() }()
		_ = new(player).kinesis(t.Context(), events.KinesisEventRecord{Kinesis: events.KinesisRecord{Data: []byte(`{"do":"exit"}`)}})
		done <- "returned"
	}()
	if v := <-done; v != nil {
		t.Errorf("got %v, want an end without panic or return", v)
	}
}
