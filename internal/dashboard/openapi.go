package dashboard

import (
	_ "embed" // the description below
	"net/http"
)

// description is the API in OpenAPI 3.1. A test holds it against the route table
// and against what the routes answer.
//
//go:embed openapi.json
var description []byte

func describe(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(description) // an error means the client is gone
}
