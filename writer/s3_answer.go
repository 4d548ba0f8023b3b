package writer

// This file reads a store's answer to a put that is not the SDK's.

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// longestAnswer is how much of an answer is read; the rest says nothing.
const longestAnswer = 64 << 10

// said is what a store has to say of an error.
type said struct {
	XMLName   xml.Name
	Code      string
	Message   string
	RequestID string `xml:"RequestId"`
}

// readAnswer returns nil when an answer says that the object is stored, and otherwise
// the error that the SDK would make of it. It reads the answer to its end, so that the
// connection can be used again.
func readAnswer(response *http.Response) error {
	defer response.Body.Close() // whatever is left of it
	var says said
	var unclear error
	if response.ContentLength != 0 {
		text, err := io.ReadAll(io.LimitReader(response.Body, longestAnswer))
		if err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		if unclear = xml.Unmarshal(text, &says); unclear == io.EOF { // it is empty
			unclear = nil
		}
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return refusal(response, says)
	}
	if err := tagged(response.Header.Get("ETag")); err != nil {
		return err
	}
	if strings.EqualFold(says.XMLName.Local, "Error") { // S3 has begun its answer too early
		response.StatusCode = http.StatusInternalServerError
		return refusal(response, says)
	}
	if unclear != nil {
		return fmt.Errorf("understand the answer: %w", unclear)
	}
	return nil
}

// refusal is an error as the SDK makes it.
func refusal(response *http.Response, says said) error {
	if says.Code == "" {
		says.Code = strings.ReplaceAll(http.StatusText(response.StatusCode), " ", "")
	}
	if says.RequestID == "" {
		says.RequestID = response.Header.Get("X-Amz-Request-Id")
	}
	return &awshttp.ResponseError{
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: response},
			Err:      &smithy.GenericAPIError{Code: says.Code, Message: says.Message},
		},
		RequestID: says.RequestID,
	}
}
