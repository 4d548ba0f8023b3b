// What the description allows: the comparison of answers with it.

package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// contract is a description, and what has been seen of it.
type contract struct {
	doc  *openapi3.T
	seen *coverage
}

// coverage is the set of answers that have been seen, as "operation status" and,
// for problems, their type.
type coverage struct {
	sync.Mutex
	answers map[string]bool
}

func (c *coverage) add(answer string) {
	c.Lock()
	defer c.Unlock()
	c.answers[answer] = true
}

// readContract reads a description, which must be valid OpenAPI 3.1.
func readContract(text []byte, seen *coverage) (*contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("read the description: %w", err)
	}
	if !doc.IsOpenAPI31OrLater() {
		return nil, fmt.Errorf("the description is OpenAPI %s", doc.OpenAPI)
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("validate the description: %w", err)
	}
	return &contract{doc, seen}, nil
}

const problemType = "application/problem+json"

// operationName is an operation's name without the table's, which makes no difference.
func operationName(o *openapi3.Operation) string {
	before, _, _ := strings.Cut(o.OperationID, "_")
	return before
}

// described lists every answer that the description has, as coverage names them.
func (c *contract) described() []string {
	var all []string
	add := func(operation, status string, r *openapi3.ResponseRef) {
		for contentType, media := range r.Value.Content {
			if contentType != problemType {
				all = append(all, operation+" "+status)
				continue
			}
			for _, kind := range media.Schema.Value.AllOf[1].Value.Properties["type"].Value.Enum {
				all = append(all, fmt.Sprintf("%s %s %s", operation, status, kind))
			}
		}
		if len(r.Value.Content) == 0 {
			all = append(all, operation+" "+status)
		}
	}
	for _, item := range c.doc.Paths.Map() {
		for _, o := range item.Operations() {
			for status, r := range o.Responses.Map() {
				add(operationName(o), status, r)
			}
		}
	}
	for name, r := range c.doc.Components.Responses {
		add(name, otherStatus[name], r)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// otherStatus is the status of the responses for requests that no operation takes.
var otherStatus = map[string]string{"MethodNotAllowed": "405", "NotFound": "404"}

// check compares an answer with the description.
func (c *contract) check(x *exchange) error {
	target, err := url.ParseRequestURI(x.target)
	if err != nil {
		return fmt.Errorf("read the target: %w", err)
	}
	item := c.find(target.EscapedPath())
	if item == nil {
		return c.checkOther(x)
	}
	methods := map[string]bool{http.MethodOptions: true}
	for method := range item.Operations() {
		methods[method] = true
		if method == http.MethodGet {
			methods[http.MethodHead] = true
		}
	}
	allow := slices.Sorted(maps.Keys(methods))
	if !methods[x.method] || x.method == http.MethodOptions {
		return errors.Join(c.checkMethod(x), checkAllow(x, allow))
	}
	method := x.method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	return c.checkAnswer(x, item.GetOperation(method))
}

// find returns what is described of a path.
func (c *contract) find(path string) *openapi3.PathItem {
	if item := c.doc.Paths.Value(path); item != nil {
		return item
	}
	for template, item := range c.doc.Paths.Map() {
		before, _, templated := strings.Cut(template, "{")
		rest, found := strings.CutPrefix(path, before)
		if templated && found && rest != "" && !strings.Contains(rest, "/") {
			return item
		}
	}
	return nil
}

// checkOther compares the answer to a path that is not described.
func (c *contract) checkOther(x *exchange) error {
	switch {
	case x.status == http.StatusNotFound:
		return c.checkAnswer(x, c.other("NotFound"))
	case x.method == http.MethodOptions || x.status == http.StatusMethodNotAllowed:
		return c.checkMethod(x)
	}
	// Somebody without a credential is not told which tables there are, and who has
	// one may post to some of them only.
	for _, item := range c.doc.Paths.Map() {
		if item.Post != nil && (x.status == http.StatusUnauthorized || x.status == http.StatusForbidden || x.status == http.StatusTooManyRequests) {
			return c.checkAnswer(x, item.Post)
		}
	}
	return fmt.Errorf("what is not described is answered by %d", x.status)
}

// checkMethod compares the answer to a method that a path does not take.
func (c *contract) checkMethod(x *exchange) error {
	if x.method != http.MethodOptions {
		return c.checkAnswer(x, c.other("MethodNotAllowed"))
	}
	if x.status != http.StatusNoContent || len(x.content) > 0 || x.answer.Get("Allow") == "" {
		return fmt.Errorf("OPTIONS is answered by 204 with Allow")
	}
	return nil
}

func checkAllow(x *exchange, want []string) error {
	got := strings.Split(x.answer.Get("Allow"), ", ")
	slices.Sort(got)
	if !slices.Equal(got, want) {
		return fmt.Errorf("Allow names %q, described are %q", got, want)
	}
	return nil
}

// other is an operation that has one response alone.
func (c *contract) other(name string) *openapi3.Operation {
	status, _ := strconv.Atoi(otherStatus[name])
	o := &openapi3.Operation{OperationID: name}
	o.AddResponse(status, c.doc.Components.Responses[name].Value)
	return o
}

// transport are fields of HTTP itself, which nobody describes.
var transport = map[string]bool{"Date": true, "Content-Length": true, "Content-Type": true, "Connection": true}

// checkAnswer compares an answer with an operation's.
func (c *contract) checkAnswer(x *exchange, o *openapi3.Operation) error {
	ref := o.Responses.Status(x.status)
	if ref == nil {
		return fmt.Errorf("%s has no answer %d", operationName(o), x.status)
	}
	for name := range x.answer {
		if !transport[name] && !describes(ref.Value.Headers, name) {
			return fmt.Errorf("%s %d has no field %s", operationName(o), x.status, name)
		}
	}
	bare := x.method == http.MethodHead || len(ref.Value.Content) == 0
	if bare && len(x.content) > 0 {
		return fmt.Errorf("%s %d has no body", operationName(o), x.status)
	}
	if err := c.validate(x, o, bare); err != nil {
		return err
	}
	answer := fmt.Sprintf("%s %d", operationName(o), x.status)
	if !bare && x.answer.Get("Content-Type") == problemType {
		var p struct{ Type string }
		if err := json.Unmarshal(x.content, &p); err != nil {
			return fmt.Errorf("read the problem: %w", err)
		}
		answer += " " + p.Type
	}
	if x.method != http.MethodHead {
		c.seen.add(answer)
	}
	return nil
}

func describes(headers openapi3.Headers, name string) bool {
	for described := range headers {
		if http.CanonicalHeaderKey(described) == name {
			return true
		}
	}
	return false
}

// validate has the validator compare the fields, the type and the body. It passes
// over HEAD and 304, whose fields are compared as if they were another's.
func (c *contract) validate(x *exchange, o *openapi3.Operation, bare bool) error {
	method, status, responses := http.MethodGet, x.status, o
	if status == http.StatusNotModified {
		status, responses = http.StatusOK, &openapi3.Operation{}
		responses.AddResponse(status, o.Responses.Status(x.status).Value)
	}
	request, err := http.NewRequest(method, "http://gateway/", nil)
	if err != nil {
		return err
	}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: request,
			Route:   &routers.Route{Spec: c.doc, Method: method, Operation: responses},
		},
		Status: status, Header: x.answer, Body: io.NopCloser(bytes.NewReader(x.content)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: bare},
	})
	if err != nil {
		return fmt.Errorf("%s %d: %w", operationName(o), x.status, err)
	}
	return nil
}
