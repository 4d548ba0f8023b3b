// Package api holds the running gateway to its own description, /openapi.json.
//
// Nothing of the main module is imported: the binary is built, started and asked
// for the document, which must be valid OpenAPI 3.1. From then on every answer is
// compared with what the document says of the request: its status, its fields, the
// type and the schema of its body. Random requests must get no answer that is not
// described; and requests that are made for it must get every one that is.
//
//	contract_test.go  the comparison
//	random_test.go    random requests
//	answers_test.go   every described answer, at least once
//
// Variables change what a run does:
//
//	API_BINARY=file    test this binary instead of building one
package api
