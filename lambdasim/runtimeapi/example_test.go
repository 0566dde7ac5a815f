package runtimeapi_test

import (
	"context"
	"fmt"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/runtimeapi"
)

// The deployable binary handles the messages of a queue, in two processes at once.
func ExampleNew() {
	function, err := runtimeapi.New(runtimeapi.Config{Path: "./bootstrap", Environments: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer function.Close()

	queue := &lambdasim.Queue{}
	for i := range 100 {
		queue.Send(lambdasim.Message{Body: fmt.Sprint("order ", i)})
	}
	verdict, err := lambdasim.Simulation{
		Source:      queue,
		Handler:     function,
		Concurrency: function.Concurrency(),
		Mapping:     lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
	}.Run(context.Background())
	fmt.Println(verdict, err)
}
