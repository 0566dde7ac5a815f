// Package runtimeapi runs a Lambda function as AWS does: as a process that asks a Lambda Runtime API for
// events. The API is a fake one on 127.0.0.1; the process is any program that calls lambda.Start, or
// speaks the protocol otherwise. A Function is a lambda.Handler, so lambdasim can invoke it:
//
//	function, err := runtimeapi.New(runtimeapi.Config{Path: "./bootstrap"})
//	defer function.Close()
//	verdict, err := lambdasim.Simulation{
//		Source: queue, Handler: function, Concurrency: function.Concurrency(), …
//	}.Run(ctx)
//
// What is simulated, from the AWS documentation page "Using the Lambda runtime API for custom runtimes":
// GET …/invocation/next with the headers for request id, deadline, function and trace; POST
// …/invocation/{id}/response and …/error, POST …/init/error, answered with 202. A response that comes after
// the deadline, or for an invocation that is not under way, gets 410, one that is too large 413. With
// AWS_LAMBDA_MAX_CONCURRENCY several loops of a process are served at once. What is not: extensions that are
// told of anything, response streaming and snapshots.
//
// A process that has not answered by the deadline is killed, and so is everything it has started in its
// process group. After that, and after a crash, the next invocation gets a new process, with a port, an
// environment and a TMPDIR of its own. Unlike at AWS, the time that a process takes to start counts against
// the deadline of the invocation that it is started for.
//
// Freeze, Thaw and Shutdown do to processes what Lambda does between invocations and when it has no more use
// for them. Config.Between is for HTTP that goes wrong: slow, cut short or malformed.
//
// # Handlers of another process in the history
//
// The checker needs to know when handlers start and end. A function tells it by lines on its standard output
// or error of the form
//
//	{"event":"start","id":"<identifier>","attempt":1,"payload":"<digest>"}
//	{"event":"end","id":"<identifier>","attempt":1,"outcome":"ok"}
//
// with one of the outcomes of package history: ok, late, fail, panic, exit and abandoned. payload is what
// lambdasim.Digest returns of the record that the handler is given, and may be left out; other fields are ignored. This
// is what troupe's demo writes with --trace. A line counts for the invocation under way in the process that has a
// record with that identifier, and everything that the process wrote before it answered is read before the
// answer counts. All other output goes to Config.Output.
//
// Packets stay on the loopback interface, and Close leaves neither process nor goroutine behind. Since all
// this takes place on a network it takes real time: it does not work inside a bubble of testing/synctest.
package runtimeapi
