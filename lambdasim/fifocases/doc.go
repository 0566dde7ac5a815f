// Package fifocases lists the behavior of SQS with the visibility of messages of a FIFO queue, as recorded against AWS.
// Each case is a sequence of calls and their results. lambdasim's queue and its server are tested against the cases;
// other servers that replace SQS can be, too:
//
//	for _, c := range fifocases.All() {
//		t.Run(c.Name, func(t *testing.T) {
//			if err := c.Play(newQueue(c.Visibility), time.Sleep); err != nil {
//				t.Error(err)
//			}
//		})
//	}
//
// The facts are those of the tests of LocalStack that are validated against AWS (github.com/localstack/localstack,
// tests/aws/services/sqs/test_sqs.py at commit 8b9a79f05846; a case has the name of the test, and the day on which
// it was last recorded where that is known).
package fifocases
