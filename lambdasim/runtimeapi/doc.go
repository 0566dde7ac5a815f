// Package runtimeapi runs a Lambda function as AWS does: as a process that requests events from a Lambda Runtime API.
// The API is a fake on 127.0.0.1; the process is any program that calls lambda.Start or implements the protocol. A
// Function is a lambda.Handler, so lambdasim can invoke it:
//
//	function, err := runtimeapi.New(runtimeapi.Config{Path: "./bootstrap"})
//	defer function.Close()
//	verdict, err := lambdasim.Simulation{
//		Source: queue, Handler: function, Concurrency: function.Concurrency(), …
//	}.Run(ctx)
//
// What is simulated, from the AWS documentation page "Using the Lambda runtime API for custom runtimes": GET
// …/invocation/next with the headers for request id, deadline, function and trace; POST …/invocation/{id}/response and
// …/error, POST …/init/error, answered with 202. A response after the deadline, or for an invocation that is not
// running, gets 410, and one that is too large 413. With AWS_LAMBDA_MAX_CONCURRENCY several loops of a process are
// served at once. Not simulated: events of extensions, response streaming and snapshots.
//
// A process that has not responded by the deadline is killed with its process group. After that, and after a crash, the
// next invocation gets a new process, with its own port, environment and TMPDIR. Unlike in Lambda, the time that a
// process takes to start counts against the deadline of the invocation that it is started for.
//
// Freeze, Thaw and Shutdown do what Lambda does with processes between invocations and at their end. Config.Between
// simulates broken HTTP: slow, cut short or malformed.
//
// # Handlers of another process in the history
//
// The checker needs the starts and ends of handlers. A function writes them to its standard output or error, as lines
// of the form
//
//	{"event":"start","id":"<identifier>","attempt":1,"payload":"<digest>"}
//	{"event":"end","id":"<identifier>","attempt":1,"outcome":"ok"}
//
// with one of the outcomes of package history: ok, late, fail, panic, exit and abandoned. payload is the
// lambdasim.Digest of the handler's record and optional; other fields are ignored. troupe's demo writes these lines
// with --trace. A line applies to the running invocation of the process that has a record with that identifier.
// Everything that the process wrote before its response is read before the response counts. All other output goes to
// Config.Output.
//
// Packets stay on the loopback interface, and Close leaves neither process nor goroutine behind. Since it uses the
// network, the package takes real time and does not work inside a bubble of testing/synctest.
package runtimeapi
