package influx

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sitwell/internal/series"
)

// spare is how much longer than its retention a bucket keeps a point: the contract keeps
// whole UTC days, and the server cuts at the moment.
const spare = 24 * time.Hour

// foundBucket is a bucket as the API tells it.
type foundBucket struct {
	ID             string `json:"id,omitempty"`
	OrgID          string `json:"orgID"`
	Name           string `json:"name"`
	RetentionRules []rule `json:"retentionRules"`
}

// rule is for how long a bucket keeps a point, and what it keeps in one file.
type rule struct {
	Type         string `json:"type"`
	EverySeconds int64  `json:"everySeconds"` // 0 for good
	ShardSeconds int64  `json:"shardGroupDurationSeconds,omitempty"`
}

// needed are the buckets that a role uses.
func (r Role) needed() []bucket {
	switch r {
	case Dashboard:
		return []bucket{bucketRaw, bucketRollups, bucketEvents}
	case Office:
		return []bucket{bucketOffice}
	case Record:
	}
	return buckets()
}

// checkAll checks each bucket that the role needs.
func (s *Store) checkAll(ctx context.Context) error {
	for _, b := range s.o.Role.needed() {
		if err := s.checkBucket(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) checkBucket(ctx context.Context, b bucket) error {
	found, err := s.findBucket(ctx, b)
	if errors.Is(err, ErrMissing) && s.o.Role == Record && !s.o.MustExist {
		found, err = s.makeBucket(ctx, b)
	}
	if err != nil {
		return s.blame(b, err)
	}
	s.orgID = found.OrgID
	if s.o.Role != Record {
		return nil
	}
	// Nothing at all is written: the server checks the right to write first.
	if err := s.write(ctx, b, nil); err != nil {
		return s.blame(b, err)
	}
	if err := s.setRetention(ctx, b, found); err != nil {
		return fmt.Errorf("set the retention of bucket %s: %w", s.bucket(b), err)
	}
	return nil
}

// errUnread says that a token sees nothing of a bucket.
var errUnread = fmt.Errorf("%w: it may not read it", ErrRight)

// findBucket reads a bucket's record, which who may read the bucket may read, too.
func (s *Store) findBucket(ctx context.Context, b bucket) (found foundBucket, err error) {
	var answer struct {
		Buckets []foundBucket `json:"buckets"`
	}
	if err := s.ask(ctx, http.MethodGet, "buckets", url.Values{"org": {s.o.Org}, "name": {s.bucket(b)}}, nil, &answer); err != nil {
		return found, err
	}
	for _, f := range answer.Buckets {
		if f.Name == s.bucket(b) {
			return f, nil
		}
	}
	return found, errUnread
}

// blame says which of the things that Options name is at fault.
func (s *Store) blame(b bucket, err error) error {
	e, answered := errors.AsType[*Error](err)
	switch {
	case errors.Is(err, ErrMissing) && answered && strings.Contains(e.Message, "organization"): //nolint:misspell // the server's word
		return fmt.Errorf("organisation %q: %w; correct its name, or make it with `influx org create`", s.o.Org, err)
	case errors.Is(err, ErrToken):
		return fmt.Errorf("token for %s: %w%s", s.o.URL, err, s.advice(""))
	case errors.Is(err, ErrMissing):
		return fmt.Errorf("bucket %q of organisation %q: %w%s", s.bucket(b), s.o.Org, err, s.advice("; `sitwell series setup` makes it"))
	case errors.Is(err, ErrRight):
		return fmt.Errorf("bucket %q of organisation %q, role %s: %w%s", s.bucket(b), s.o.Org, s.o.Role, err, s.advice("; `sitwell series setup` makes one"))
	}
	return fmt.Errorf("URL %s: %w; is InfluxDB running there?", s.o.URL, err)
}

// advice is what to do about a token: for Setup itself it is not Setup.
func (s *Store) advice(usual string) string {
	if s.o.operator {
		return "; " + NeedsOperator
	}
	return usual
}

// makeBucket makes a bucket. Only a token of the whole organisation may.
func (s *Store) makeBucket(ctx context.Context, b bucket) (made foundBucket, err error) {
	org, err := s.findOrg(ctx)
	if err != nil {
		return made, err
	}
	in := foundBucket{OrgID: org, Name: s.bucket(b), RetentionRules: s.rules(b)}
	if err := s.ask(ctx, http.MethodPost, "buckets", nil, in, &made); err != nil {
		if e, ok := errors.AsType[*Error](err); ok && e.Status == http.StatusUnprocessableEntity {
			return s.findBucket(ctx, b) // another process was faster
		}
		return made, fmt.Errorf("%w, and it cannot be made: %w", ErrMissing, err)
	}
	s.log.Info("bucket made", "bucket", s.bucket(b))
	return made, nil
}

// findOrg is the organisation's id in the server.
func (s *Store) findOrg(ctx context.Context) (string, error) {
	var answer struct {
		Orgs []struct{ ID, Name string } `json:"orgs"`
	}
	if err := s.ask(ctx, http.MethodGet, "orgs", url.Values{"org": {s.o.Org}}, nil, &answer); err != nil {
		return "", err
	}
	for _, org := range answer.Orgs {
		if org.Name == s.o.Org {
			return org.ID, nil
		}
	}
	return "", fmt.Errorf("%w, and only a token of the whole organisation may make it", ErrMissing)
}

// rules are the retention of a bucket as Options say.
func (s *Store) rules(b bucket) []rule {
	keep, ok := s.o.Retention[series.Class(b)]
	if !ok {
		return []rule{}
	}
	return []rule{{Type: "expire", EverySeconds: int64((keep + spare).Seconds()), ShardSeconds: shard(keep)}}
}

// shard is what a bucket keeps in one file, and removes at once: what the server itself
// takes for a retention, but never more than a day of readings.
func shard(keep time.Duration) int64 {
	if keep > 180*spare {
		return int64((7 * spare).Seconds())
	}
	return int64(spare.Seconds())
}

// length is for how many seconds a bucket keeps a point, 0 for good.
func length(found foundBucket) int64 {
	if len(found.RetentionRules) != 1 {
		return 0
	}
	return found.RetentionRules[0].EverySeconds
}

// daysOf are seconds in days, as a person is told.
func daysOf(seconds int64) string {
	if seconds == 0 {
		return "for good"
	}
	return strconv.FormatFloat(float64(seconds)/86400, 'f', -1, 64)
}

// setRetention gives a bucket the retention that Options say, but takes nothing from what it
// keeps longer unless they say that, too: the server would remove it. A file that is there
// already keeps its length.
func (s *Store) setRetention(ctx context.Context, b bucket, found foundBucket) error {
	want := s.rules(b)
	if len(want) == 0 {
		return nil
	}
	if length(found) == want[0].EverySeconds {
		return nil
	}
	if has := length(found); !s.o.Shorten && (has == 0 || has > want[0].EverySeconds) {
		s.log.Warn("bucket keeps longer than its retention says, and stays so; say --retention to shorten it, which removes what is older",
			"bucket", s.bucket(b), "bucket_days", daysOf(has), "retention_days", daysOf(want[0].EverySeconds))
		s.longer[b] = true
		return nil
	}
	change := struct {
		RetentionRules []rule `json:"retentionRules"`
	}{want}
	if err := s.ask(ctx, http.MethodPatch, "buckets/"+url.PathEscape(found.ID), nil, change, nil); err != nil {
		return err
	}
	s.log.Info("retention set", "bucket", s.bucket(b), "seconds", want[0].EverySeconds)
	return nil
}
