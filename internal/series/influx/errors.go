package influx

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"sitwell/internal/series"
)

// Why the server does not do what it is asked, other than for what it is asked to
// store. Waiting does not help: somebody has to do what the error says.
var (
	ErrNoServer = fmt.Errorf("no InfluxDB 2 answers there: %w", series.ErrAway)
	ErrToken    = errors.New("InfluxDB does not know the token, or it was revoked: put one that holds into the token's file")
	ErrRight    = errors.New("the token may not do that: put one that may into the token's file")
	ErrMissing  = errors.New("that does not exist in InfluxDB")
)

// Error is what the server answered in place of doing what it was asked.
type Error struct {
	Status  int    // of HTTP, 0 for no answer at all
	Code    string // InfluxDB's word for it
	Message string
	// RetryAfter is how long the server wants to be left alone, 0 if it does not say.
	RetryAfter time.Duration

	err error // one of those above, or what kept the answer from coming
}

// Error tells all of it.
func (e *Error) Error() string {
	switch {
	case e.Status == 0:
		return e.err.Error()
	case e.err != nil:
		return fmt.Sprintf("%v (%d: %s)", e.err, e.Status, clip(e.Message))
	}
	return fmt.Sprintf("InfluxDB answers %d: %s", e.Status, clip(e.Message))
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.err }

// complaint is the library's error as ours.
func complaint(from *influxhttp.Error) *Error {
	e := &Error{Status: from.StatusCode, Code: from.Code, Message: from.Message, err: from.Err}
	e.RetryAfter = retryAfter(from.Header)
	switch from.StatusCode {
	case 0:
		if e.err == nil {
			e.err = ErrNoServer
		}
	case http.StatusUnauthorized:
		e.err = ErrToken
		if strings.HasPrefix(e.Message, "read:") || strings.HasPrefix(e.Message, "write:") { // it knows the token, and what that may not do
			e.err = ErrRight
		}
	case http.StatusForbidden:
		e.err = ErrRight
	case http.StatusNotFound:
		e.err = ErrMissing
		if e.Code != "not found" {
			e.err = ErrNoServer // another server's page
		}
	default:
		e.err = nil // at most that the answer is no JSON
	}
	return e
}

// retryAfter reads a number of seconds or a time.
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(time.Until(t), 0)
	}
	return 0
}

const maxMessage = 400

// clip shortens what a server says, so that an error stays readable.
func clip(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage], "") + " .."
}

// busy reports whether the server wants to be asked again later.
func (e *Error) busy() bool {
	return e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable
}

// lost reports whether there was no answer, though the server may have done what it was
// asked. A timeout is none of these: it has cost enough.
func (e *Error) lost() bool {
	var slow interface{ Timeout() bool }
	return e.Status == 0 && !errors.Is(e, context.Canceled) && (!errors.As(e.err, &slow) || !slow.Timeout())
}

// The server's words for points that it does not take. It stores the other points of the
// request, unless one cannot be parsed.
const (
	partialWrite  = "partial write"
	outOfRange    = "outside retention policy"
	beingDeleted  = "is pending deletion" // a day that is over: soon it is out of range
	unableToParse = "unable to parse"
	droppedEquals = "dropped="
)

// rejected reports whether it is the points' fault, so that others of the same request
// may be taken. Everything else is not: a proxy's word for instance, which it has for any points.
func (e *Error) rejected() bool {
	switch e.Status {
	case http.StatusUnprocessableEntity:
		return strings.Contains(e.Message, partialWrite) && !strings.Contains(e.Message, beingDeleted)
	case http.StatusBadRequest:
		return strings.Contains(e.Message, unableToParse)
	case http.StatusRequestEntityTooLarge:
		return true
	}
	return false
}

// expired reports whether the points are older than the bucket keeps them.
func (e *Error) expired() bool { return e.rejected() && strings.Contains(e.Message, outOfRange) }

// dropped is how many points the server left out, 0 if it does not say.
func (e *Error) dropped() int {
	_, rest, found := strings.Cut(e.Message, droppedEquals)
	if !found {
		return 0
	}
	digits := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(rest)
	}
	n, _ := strconv.Atoi(rest[:digits]) // 0 if it is none
	return n
}
