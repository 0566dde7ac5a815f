package sqsserver_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/sqsserver"
)

// A client of an AWS SDK needs the endpoint and the URL. This example writes the request by hand.
func ExampleNew() {
	orders := &lambdasim.Queue{Name: "orders"}
	server, err := sqsserver.New(orders)
	if err != nil {
		fmt.Println(err)
		return
	}
	listener := httptest.NewServer(server)
	defer listener.Close()
	orders.Send(lambdasim.Message{Body: "an anvil"})

	body := fmt.Sprintf(`{"QueueUrl": %q, "MaxNumberOfMessages": 10}`, server.URL(listener.URL, orders))
	request, _ := http.NewRequest(http.MethodPost, listener.URL, strings.NewReader(body))
	request.Header.Set("X-Amz-Target", "AmazonSQS.ReceiveMessage")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	fmt.Println(response.StatusCode, strings.Contains(string(text), `"Body":"an anvil"`))
	// Output: 200 true
}
