// Package cloudevents takes CloudEvents 1.0 over HTTP: it turns each into an event of
// a table, and lets the table's decoder do the rest.
//
// # Content modes
//
//   - binary: the attributes are headers (ce-id, ce-type, …), the body is the data.
//     A request with ce-specversion is such a CloudEvent. Values are percent-decoded,
//     once; a quoted string is unquoted before.
//   - structured: the body is application/cloudevents+json or, as a batch,
//     application/cloudevents-batch+json. With either type the body may be one
//     CloudEvent, an array of them, or one after the other.
//
// Other event formats are ErrFormat. A CloudEvent in binary mode is read as the JSON
// event format would write it; that is also how it is kept if it is rejected.
//
// # What becomes of a CloudEvent
//
// Its attributes and the members of its data become fields of one event:
//
//   - id and time go to the columns with those x-roles; subject goes to the one with
//     the x-role subject, unless the data has a value for it;
//   - any other attribute goes to the column of its name;
//   - else to the column with the x-role attributes, as text;
//   - else it is a field of its name that the schema does not know (_extra).
//
// specversion is not kept, nor is a datacontenttype of JSON. A null attribute is an
// absent one.
//
// If data is an object, its members are the event's other fields. A member that an
// attribute has taken the place of is left out if the two are equal; if they differ,
// the attribute stands and the member is kept within the field data, as
// {"data":{"id":7}}. The same holds for the members of the object that goes to the
// attributes column. Data of any other kind becomes the field data, or data_base64.
//
// An event that is no CloudEvent of version 1.0 is rejected (schema.CodeNotACloudEvent),
// the others of its batch are not.
package cloudevents

import (
	"errors"
	"net/http"
	"strings"
)

// Mode says how a request carries CloudEvents.
type Mode uint8

// The modes.
const (
	None       Mode = iota // it carries none
	Binary                 // one, in headers and body
	Structured             // any number, as JSON in the body
)

// ErrFormat is returned for CloudEvents in another event format than JSON.
var ErrFormat = errors.New("of the CloudEvents formats only application/cloudevents+json and application/cloudevents-batch+json are taken")

const mediaType = "application/cloudevents"

// Detect tells the mode from a request's headers. It allocates nothing.
func Detect(h http.Header) (Mode, error) {
	if v := h["Content-Type"]; len(v) > 0 && len(v[0]) >= len(mediaType) && strings.EqualFold(v[0][:len(mediaType)], mediaType) {
		format, _, _ := strings.Cut(v[0][len(mediaType):], ";")
		format = strings.TrimSpace(format)
		if strings.EqualFold(format, "+json") || strings.EqualFold(format, "-batch+json") {
			return Structured, nil
		}
		return None, ErrFormat
	}
	if _, ok := h["Ce-Specversion"]; ok {
		return Binary, nil
	}
	return None, nil
}

// isJSON says whether a media type is one of JSON, as the JSON event format has it:
// */json or */*+json, whatever its parameters.
func isJSON(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	return strings.HasSuffix(media, "/json") || strings.Contains(media, "/") && strings.HasSuffix(media, "+json")
}
