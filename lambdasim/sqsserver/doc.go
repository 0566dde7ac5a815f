// Package sqsserver serves simulated queues over the JSON protocol of SQS, so that clients of the AWS SDKs can be
// tested against them: with the visibility of FIFO queues that is recorded against AWS (package fifocases), long
// polling, and calls that fail on demand (Queue.Faults).
//
//	queue := &lambdasim.Queue{Name: "orders.fifo", ContentBasedDeduplication: true}
//	server, err := sqsserver.New(queue)
//	listener := httptest.NewServer(server)
//	defer listener.Close()
//	// endpoint of the client: listener.URL; queue URL: server.URL(listener.URL, queue)
//
// It serves SendMessage, SendMessageBatch, ReceiveMessage, DeleteMessage, DeleteMessageBatch, ChangeMessageVisibility,
// ChangeMessageVisibilityBatch, GetQueueAttributes and GetQueueUrl. Signatures are not checked, so serve it on a
// loopback address. It refuses other actions (InvalidAction) and unknown queues (QueueDoesNotExist). Parameters of the
// known actions that have no meaning here, such as ReceiveRequestAttemptId, are ignored.
//
// An error that Queue.Faults returns becomes the error of the call, or of the entry of a batch: a *lambdasim.QueueError
// has its code, such as RequestThrottled, AccessDenied or AWS.SimpleQueueService.NonExistentQueue; any other one is
// InternalError with status 500. Faults may also wait, as a slow endpoint does.
package sqsserver
