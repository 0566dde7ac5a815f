package main

// broken is one way to break the library, and the test that has to notice.
type broken struct {
	name, rule string
	pkg        string // the folder of the package that is changed
	changes    []change
	test       string
	of         string // the folder of the test's package
}

// change puts a text in the place of what a regular expression matches once in the package. The expressions leave open what
// unexported functions are called, and how lines are indented.
type change struct{ pattern, with string }

// breaks are those that no mutant comes to (see mutants): another order, another value, something more.
var breaks = []broken{
	{
		"completion-order", "Failures are reported in the order in which they happened (S3)", ".",
		[]change{{`response\.Failures\((\w+)\.Records\)`, `response.Failures(func() []Result {
			done := append([]Result(nil), ${1}.Records...)
			for i := range done {
				for j := i; j > 0 && done[j].Queued+done[j].Duration < done[j-1].Queued+done[j-1].Duration; j-- {
					done[j], done[j-1] = done[j-1], done[j]
				}
			}
			return done
		}())`}},
		"TestFailuresComeInBatchOrder", "test/semantics",
	},
	{
		"cutoff-late", "Handlers' contexts end at the last call, not at the cutoff (D1)", "supervisor",
		[]change{{`context\.WithDeadlineCause\(([\w.]*caller\w*), (\w+)\.Times\.Cutoff,`, `context.WithDeadlineCause(${1}, ${2}.Times.LastCall,`}},
		"TestTheReserveSetsCutoffAndLastCall", "test/semantics",
	},
	{
		"group-logged", "The log line has the group itself (S9)", ".",
		[]change{{`\w+\.GroupHash\((\w+)\.Group\)`, `${1}.Group`}},
		"TestNothingOfAPayloadIsToldInErrorsAndLogs", "test/semantics",
	},
	{
		"late-result-booked", "What an abandoned handler returns late counts (D2)", "supervisor",
		[]change{{`\w+\.ended = late\n`, `${0}if err == nil {
			a.Batch.Results[a.Index].Outcome, a.Batch.Results[a.Index].Err = batch.Succeeded, nil
		}
		`}},
		"TestHandlersThatNeverReturnHoldNothingBack", "test/semantics",
	},
	{
		"late-result-of-another-batch", "What an abandoned handler returns is booked to the batch that runs by then (D2)", "supervisor",
		[]change{
			{`func \((\w+) \*slot\) Handle\((\w+) \*messages\.Attempt\) error \{\n`, `var latest *ledger

			${0}latest = ${1}.ledger
			`},
			{`func \((\w+) \*slot\) End\((\w+) \*messages\.Attempt\b.*\{\n`, `${0}if ${1}.ledger.isClosed() {
				${1}.ledger = latest
			}
			`},
		},
		"TestAbandonedHandlersThatAreThawedInTheNextInvocationDoNotCount", "test/process/hostile",
	},
	{
		"observers-waited-for", "The response waits for observers and hooks however long they take (D1)", ".",
		[]change{{`\w+ = timer\.C\n`, "_ = timer.C\n"}},
		"TestObserversAndHooksThatMisbehaveChangeNothing", "test/semantics",
	},
	{
		"payload-aliased", "Records are decoded from the runtime's own buffer (D3)", "sources",
		[]change{{`func \(x \*indexer\) \w+\(r \*shape, text string\) \{\n`, `${0}if len(x.unescaped) == 0 {
			r.piece, r.start, r.middle, r.end = uint32(len(x.part.pieces)), 0, uint32(len(text)), uint32(len(text))
			x.part.pieces = append(x.part.pieces, text)
			return
		}
		`}},
		"TestNothingAHandlerSeesIsPartOfThePayload", "test/semantics",
	},
	{
		"policies-alike", "Every policy is a strategy that resumes (P1 to P3)", "supervisor",
		[]change{
			{`case batch\.StopGroup:(\s+return \w+\{\})`, `case 100:${1}`},
			{`case batch\.StopBatch:(\s+return \w+\{\})`, `case 101:${1}`},
		},
		"TestBatchesEndAsInThePowertoolsLibraries", "test/semantics",
	},
	{
		"resumed-too-late", "A failed group's actor is resumed after its group is free again (O2, S2)", "supervisor",
		[]change{{`\w+\.supervisor\.children\.ResumeChildren\(`, `defer ${0}`}},
		"TestAGroupActorIsResumedBeforeItsGroupIsFree", "supervisor",
	},
	{
		"user-record-misnamed", "A user record is reported by the sequence number of another record (S4)", "kpl",
		[]change{{`(\.IDs = append\(\w+\.IDs, \w+\.IDs)\[(\w+)\]`, `${1}[max(0, ${2}-1)]`}},
		"TestAnswersAreTheModels", "test/properties",
	},
	{
		"user-records-reversed", "The user records of an aggregate are handled from behind (O3)", "kpl",
		[]change{{`(sub = )(i - (\w+)\.first)\n`, "${1}len(${3}.users) - 1 - (${2})\n"}},
		"TestAnswersAreTheModels", "test/properties",
	},
	{
		"window-keeps-failed", "The state of a window covers a record that has failed (SPEC 9)", "window",
		[]change{{`(== f\.record\.ID \{\s+return) f\.before\n`, "${1} f.after\n"}},
		"TestAnswersAreTheModels", "test/properties",
	},
	{
		"zero-value-handled", "A payload that cannot be decoded is handled as a zero value (D6)", "typed",
		[]change{{`return (\w+\.\w+\(ctx, \w+\(d\.field, \w+\(err, payload,)`, `_ = ${1}`}},
		"TestAnswersAreTheModels", "test/properties",
	},
}
