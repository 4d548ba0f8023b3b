// Package report holds what a comparison has measured, and says it as text, as JSON
// and as a page of the documentation.
package report
