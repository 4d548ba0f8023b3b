// What operations refer to: parameters, headers, schemas and security schemes.

package openapi

import (
	_ "embed" // for the components that depend on nothing
	"encoding/json"
	"fmt"
	"slices"

	"parquay/schema"
	"parquay/server/problems"
)

//go:embed components.json
var components []byte

// document is the whole but for its paths. The order of the fields is the order
// in which people want to read them; the schemas come last (New).
type document struct {
	OpenAPI    string       `json:"openapi"`
	Info       object       `json:"info"`
	Security   list         `json:"security,omitempty"`
	Components componentSet `json:"components"`
}

type componentSet struct {
	SecuritySchemes object `json:"securitySchemes,omitempty"`
	Parameters      object `json:"parameters"`
	Headers         object `json:"headers"`
	Responses       object `json:"responses"`
	Schemas         object `json:"schemas"`
}

func info(cfg Config) object {
	text := "Takes JSON events and keeps them as Parquet files. A 2xx means that the events are durable.\n\n" +
		"HEAD works wherever GET does, and OPTIONS answers 204 with the methods in Allow. " +
		"Any other method is answered as components.responses.MethodNotAllowed says, any other path as NotFound says. " +
		"What is not HTTP, or has more than 16 KiB of header fields, gets a 4xx or 5xx in plain text and is not read further. " +
		"Answers to scripts of the origins that the operator has let in have the fields of CORS besides."
	if cfg.Credentials {
		text += "\n\nThe tables are those that the credential's tenant may post to."
	}
	return object{"title": "Parquay", "version": "1", "description": text}
}

// newComponents completes the embedded ones with what depends on cfg or comes from
// a list of the code's.
func newComponents(cfg Config) componentSet {
	var set componentSet
	if err := json.Unmarshal(components, &set); err != nil {
		panic(fmt.Sprintf("read components.json: %v", err)) // it is embedded, and a test reads it
	}
	var types list
	for _, k := range problems.All() {
		types = append(types, k.Type())
	}
	set.Schemas["ProblemType"] = object{
		"description": "What went wrong. The list only grows.", "type": "string", "enum": types,
	}
	set.Schemas["Code"] = object{
		"description": "The reason why an event was rejected. The list only grows.", "type": "string", "enum": schema.Codes(),
	}
	headers := everyHeader
	if cfg.Credentials {
		headers = slices.Concat(everyHeader, limitHeaders)
	}
	method := problem([]problems.Kind{problems.MethodNotAllowed})
	path := problem([]problems.Kind{problems.NotFound, problems.UnknownTable})
	set.Responses = object{"MethodNotAllowed": method.describe(everyHeader), "NotFound": path.describe(headers)}
	set.SecuritySchemes = securitySchemes(cfg)
	if !cfg.Credentials {
		for _, name := range limitHeaders {
			delete(set.Headers, name)
		}
		delete(set.Headers, "WWW-Authenticate")
	}
	return set
}

func securitySchemes(cfg Config) object {
	if !cfg.Credentials {
		return nil
	}
	s := object{
		"bearer": object{"type": "http", "scheme": "bearer", "description": "The key."},
		"header": object{"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The key."},
		"basic":  object{"type": "http", "scheme": "basic", "description": "The key as the password, with any user name."},
	}
	if cfg.ClientCertificates {
		s["certificate"] = object{"type": "mutualTLS", "description": "A certificate that is the tenant's."}
	}
	return s
}

// schemes are the credentials of which each will do.
func schemes(cfg Config) (alternatives list) {
	for _, name := range []string{"bearer", "header", "basic", "certificate"} {
		if _, ok := securitySchemes(cfg)[name]; ok {
			alternatives = append(alternatives, object{name: list{}})
		}
	}
	return alternatives
}

// embed returns a table's document as a part of another: without $id, against
// which references would be resolved, and without $schema, which is OpenAPI's own
// here. The annotations (x-) stay.
func embed(text []byte) []byte {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		panic(fmt.Sprintf("read a compiled schema: %v", err)) // Compile has read it
	}
	delete(members, "$id")
	delete(members, "$schema")
	return marshal(members)
}
