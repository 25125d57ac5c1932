package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"sitwell/detect"
	"sitwell/internal/hindsight"
	"sitwell/internal/tuning"
	"sitwell/schemas"
)

const (
	// maxReplays bounds how many judgings again run at once: each takes a core.
	// A backtest more is refused, an explanation waits its turn.
	maxReplays = 2
	// maxExplains bounds the explanations that run or wait, each until its client
	// goes; one more is refused. A person asks for one at a time.
	maxExplains = 64
	// maxRules bounds the parameters of one backtest; there are fewer.
	maxRules = 64
)

// ruleView is a parameter as it is, as it may be, and where it comes from.
type ruleView struct {
	Key   string       `json:"key"`
	Rule  schemas.Rule `json:"rule"`
	Doc   string       `json:"doc"`
	Unit  detect.Unit  `json:"unit"`
	Value string       `json:"value"`
	// Least and Most are the bounds as the value is written; a switch has none.
	Least   string `json:"least,omitempty"`
	Most    string `json:"most,omitempty"`
	Default string `json:"default"`
	From    string `json:"from"` // default, everybody, organisation, team or wearer
}

// rules are the parameters by which the wearer is judged now.
func (d *Dashboard) rules(w http.ResponseWriter, r *call) error {
	now := d.now()
	effective := d.Rules.Effective(r.person.Org(), r.wearer.Team, r.person.ID(), now)
	values := map[string]tuning.Value{}
	for _, v := range effective.Values {
		values[v.Key] = v
	}
	list := []ruleView{}
	for _, t := range detect.Tunables() {
		v := ruleView{
			Key: t.Key, Rule: t.Rule, Doc: t.Doc, Unit: t.Unit, Value: values[t.Key].Value, Default: t.Default, From: origin(values[t.Key].Scope),
		}
		if t.Unit != detect.Switch {
			v.Least, v.Most = t.Bound(t.Least), t.Bound(t.Most)
		}
		list = append(list, v)
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"org": r.person.Org(), "wearer": r.person.ID(), "time": now.UTC(), "version": effective.Version, "rules": list,
	})
	return nil
}

// origin says in a word who has set a parameter.
func origin(s *tuning.Scope) string {
	switch {
	case s == nil:
		return "default"
	case !s.Wearer.IsZero():
		return "wearer"
	case !s.Team.IsZero():
		return "team"
	case !s.Org.IsZero():
		return "organisation"
	}
	return "everybody"
}

// finding explains one of the wearer's findings.
func (d *Dashboard) finding(w http.ResponseWriter, r *call) error {
	findings, which, err := d.Hindsight.Find(r.Context(), r.person.Org(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if which < 0 || findings[which].Wearer != r.person.ID() {
		return notFound("finding")
	}
	return d.explain(w, r, findings, which)
}

// findingAnywhere explains a finding of any wearer whom the asker may see.
func (d *Dashboard) findingAnywhere(w http.ResponseWriter, r *call) error {
	for _, org := range d.Registry.Orgs() {
		scope, err := r.asker.Org(org.ID)
		if err != nil {
			continue
		}
		findings, which, err := d.Hindsight.Find(r.Context(), scope.Org(), r.PathValue("id"))
		if err != nil {
			return err
		}
		if which < 0 {
			continue
		}
		if _, err := scope.Wearer(findings[which].Wearer); err == nil {
			return d.explain(w, r, findings, which)
		}
	}
	return notFound("finding")
}

// explain answers with the receipt, the replay and the curve.
func (d *Dashboard) explain(w http.ResponseWriter, r *call, findings []schemas.Finding, which int) error {
	select {
	case d.explains <- struct{}{}:
	default:
		return refuse(http.StatusServiceUnavailable, "busy", "Too many findings are being explained right now. Try again in a moment.")
	}
	defer func() { <-d.explains }()
	select {
	case d.replays <- struct{}{}:
	case <-r.Context().Done():
		return r.Context().Err()
	}
	defer func() { <-d.replays }()
	e, err := d.Hindsight.Explain(r.Context(), findings, which)
	if refused := (*hindsight.RefusedError)(nil); errors.As(err, &refused) {
		return notFound("finding") // of a wearer who is gone
	}
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, e)
	return nil
}

// progressLine and resultLine are the lines of a backtest's answer: any number of
// the first, and the second at the end.
type progressLine struct {
	Progress struct {
		Part float64 `json:"part"` // 0 to 1
	} `json:"progress"`
}

type resultLine struct {
	Result hindsight.Backtest `json:"result"`
}

// backtest judges a range under other parameters.
func (d *Dashboard) backtest(w http.ResponseWriter, r *call) error {
	q, err := r.span(shortSpan)
	if err != nil {
		return err
	}
	rules, err := r.rules()
	if err != nil {
		return err
	}
	select {
	case d.replays <- struct{}{}:
	default:
		return refuse(http.StatusServiceUnavailable, "busy", "Others are trying parameters right now. Try again in a moment.")
	}
	defer func() { <-d.replays }()
	e, release, err := d.startExport(w)
	if err != nil {
		return err
	}
	defer release()
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	result, err := d.Hindsight.Backtest(ctx, q, rules, e.progress(d.now, cancel))
	if refused := (*hindsight.RefusedError)(nil); errors.As(err, &refused) {
		err = badRequest("bad_rules", "%s", refused.Reason)
	}
	if err == nil {
		err = e.line(resultLine{result})
	}
	return e.finish(err)
}

// progress writes how far a job is, at most every 200 ms. Where the client has
// gone, the job is cancelled.
func (e *export) progress(now func() time.Time, cancel context.CancelCauseFunc) hindsight.Progress {
	told := now()
	return func(done, total time.Duration) {
		if total <= 0 || now().Sub(told) < 200*time.Millisecond {
			return
		}
		told = now()
		var p progressLine
		p.Progress.Part = float64(done) / float64(total)
		if err := e.now(p); err != nil {
			cancel(err)
		}
	}
}

// now writes one value without waiting for more.
func (e *export) now(v any) error {
	if err := e.line(v); err != nil {
		return err
	}
	if err := e.buf.Flush(); err != nil {
		return err
	}
	if err := e.control.Flush(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// rules reads the parameters to try, a JSON object of texts; none is those that
// counted.
func (r *call) rules() (rules map[string]string, err error) {
	text := r.query.Get("rules")
	if text == "" {
		return map[string]string{}, nil
	}
	if err := json.Unmarshal([]byte(text), &rules); err != nil || len(rules) > maxRules {
		return nil, badRequest("bad_rules", `rules is no JSON object of at most %d parameters, each a text, such as {"slouch_deg":"18"}.`, maxRules)
	}
	return rules, nil
}
