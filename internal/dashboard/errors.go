package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"sitwell/internal/series"
)

// apiError is an error that a client sees.
type apiError struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`    // for programs; part of the API
	Message string `json:"message"` // for people: what to do
}

func (e *apiError) Error() string { return e.Code + ": " + e.Message }

func refuse(status int, code, format string, args ...any) *apiError {
	return &apiError{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

func badRequest(code, format string, args ...any) *apiError {
	return refuse(http.StatusBadRequest, code, format, args...)
}

// notFound is the answer both to what does not exist and to what the asker may
// not see: the two must not differ in a byte.
func notFound(what string) *apiError {
	return refuse(http.StatusNotFound, "not_found", "There is no such %s, or you may not see it. Check its id.", what)
}

// errAborted says that an answer broke off after it had begun.
var errAborted = errors.New("answer broke off")

// fail answers an error, and logs what is not the client's doing: by its route,
// since a path names people.
func (d *Dashboard) fail(w http.ResponseWriter, r *http.Request, err error) {
	var refusal *apiError
	switch {
	case errors.As(err, &refusal):
	case errors.Is(r.Context().Err(), context.Canceled):
		return // nobody is there to read an answer
	case errors.Is(err, series.ErrAway) && r.Context().Err() == nil:
		refusal = refuse(http.StatusServiceUnavailable, "store_away",
			"The store of the time series does not answer at the moment. Nothing is lost; try again.")
	case errors.Is(err, context.DeadlineExceeded):
		refusal = refuse(http.StatusServiceUnavailable, "busy", "This took too long. Ask for less, or try again in a moment.")
	default:
		refusal = refuse(http.StatusInternalServerError, "internal", "Something went wrong here. Try again; the server's log has the reason.")
	}
	switch {
	case refusal.Code == "store_away": // somebody should look, and the page asks again and again
		d.log.WarnContext(r.Context(), "request refused, the store is away", "route", r.Pattern, "error", err)
	case refusal.Status == http.StatusServiceUnavailable: // the client may try again
		d.log.DebugContext(r.Context(), "request refused while busy", "route", r.Pattern, "error", err)
	case refusal.Status >= http.StatusInternalServerError:
		d.log.ErrorContext(r.Context(), "request failed", "route", r.Pattern, "error", err)
	}
	if errors.Is(err, errAborted) {
		panic(http.ErrAbortHandler) // the client must not take the rest for the whole
	}
	writeJSON(w, refusal.Status, map[string]any{"error": refusal})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil { // only a value that this package made wrong
		status, b = http.StatusInternalServerError, []byte(`{"error":{"code":"internal","message":"The answer could not be written."}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // an error means the client is gone
}
