package replay

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"sitwell/internal/sim/recording"
	"sitwell/schemas"
)

// Report is what the pipeline made of recordings.
type Report struct {
	Speed float64 `json:"speed"`
	Files []File  `json:"files"`
	// Movement is over the rows of all chest recordings together.
	Movement Movement `json:"movement"`
}

// File is what it made of one recording.
type File struct {
	Name    string         `json:"name"`
	Kind    recording.Kind `json:"kind"`
	Wearer  schemas.ID     `json:"wearer"`
	From    time.Time      `json:"from"` // event time
	To      time.Time      `json:"to"`
	Seconds float64        `json:"seconds"`
	Rows    int            `json:"rows"`
	Dropped int            `json:"dropped"` // rows at the start, before anything was sent
	Judged  int            `json:"judged"`  // rows that the engine has a posture of
	Notes   []string       `json:"notes,omitempty"`

	Movement Movement `json:"movement"`
	Seated   Seated   `json:"seated"`
	Episodes int      `json:"episodes"`
	// Nudges are those that came or would have come: the decisions of level 2 and
	// more, the ones held back as stale included.
	Nudges        []Nudge `json:"nudges"`
	NudgesPerHour float64 `json:"nudges_per_hour"`
}

// Movement counts rows: those labelled walking or stairs, and those labelled
// seated or standing. Rows with another label are in none.
type Movement struct {
	MovingSeen   int `json:"moving_seen"`
	MovingMissed int `json:"moving_missed"`
	StillSeen    int `json:"still_seen"`
	StillMissed  int `json:"still_missed"`
	Unknown      int `json:"unknown"` // the engine did not know
	Missing      int `json:"missing"` // rows of any label that the engine has no posture of
}

// Rows is how many were compared.
func (m Movement) Rows() int { return m.MovingSeen + m.MovingMissed + m.StillSeen + m.StillMissed }

// Sensitivity is the share of the moving rows that were seen as moving.
func (m Movement) Sensitivity() float64 { return share(m.MovingSeen, m.MovingMissed) }

// Specificity is the share of the still rows that were seen as still.
func (m Movement) Specificity() float64 { return share(m.StillSeen, m.StillMissed) }

func share(yes, no int) float64 {
	if yes+no == 0 {
		return 0
	}
	return float64(yes) / float64(yes+no)
}

// Seated is time on a seat, in seconds.
type Seated struct {
	LabelsS   float64 `json:"labels_s"`   // by the labels, outside gaps over 5 s
	PipelineS float64 `json:"pipeline_s"` // in the rollups
	ErrorPct  float64 `json:"error_pct"`  // of the labels' time
	// UnknownS is the recording's time of which the rollups do not say whether it
	// was seated: GapsS, and of UnlabelledS what was not seen to be movement.
	UnknownS    float64 `json:"unknown_s"`
	UnlabelledS float64 `json:"unlabelled_s"`
	GapsS       float64 `json:"gaps_s"`
	LongestGapS float64 `json:"longest_gap_s"`
}

// Nudge is a nudge that came or would have come.
type Nudge struct {
	Rule   schemas.Rule   `json:"rule"`
	Level  int            `json:"level"`
	Time   time.Time      `json:"time"` // event time
	Action schemas.Action `json:"action"`
	HeldBy string         `json:"held_by,omitempty"`
	Why    string         `json:"why,omitempty"`
}

func newReport(speed float64, files []File) *Report {
	r := &Report{Speed: speed, Files: files}
	for i := range files {
		if files[i].Kind == recording.Chest {
			r.Movement.add(files[i].Movement)
		}
	}
	return r
}

func (m *Movement) add(other Movement) {
	m.MovingSeen += other.MovingSeen
	m.MovingMissed += other.MovingMissed
	m.StillSeen += other.StillSeen
	m.StillMissed += other.StillMissed
	m.Unknown += other.Unknown
	m.Missing += other.Missing
}

// WriteTable writes the report for people.
func (r *Report) WriteTable(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	r.chestTable(w)
	r.sternumTable(w)
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write replay table: %w", err)
	}
	return r.notes(out)
}

func (r *Report) chestTable(w io.Writer) {
	if r.count(recording.Chest) == 0 {
		return
	}
	_, _ = fmt.Fprintln(w, "chest\tminutes\trows\tmoving seen\tstill seen\tseated s\tlabels s\toff %\tepisodes\tnudges\tof these sent\tan hour\t")
	for i := range r.Files {
		f := &r.Files[i]
		if f.Kind != recording.Chest {
			continue
		}
		_, _ = fmt.Fprintf(w, "%s\t%.1f\t%d\t%.3f\t%.3f\t%.1f\t%.1f\t%.2f\t%d\t%d\t%d\t%.1f\t\n", f.Name, f.Seconds/60, f.Judged,
			f.Movement.Sensitivity(), f.Movement.Specificity(), f.Seated.PipelineS, f.Seated.LabelsS, f.Seated.ErrorPct,
			f.Episodes, len(f.Nudges), f.sent(), f.NudgesPerHour)
	}
	_, _ = fmt.Fprintf(w, "all rows together\t\t%d\t%.3f\t%.3f\t\t\t\t\t\t\t\t\n", r.Movement.Rows(), r.Movement.Sensitivity(), r.Movement.Specificity())
	_, _ = fmt.Fprintln(w, "\t\t\t\t\t\t\t\t\t\t\t\t")
}

func (r *Report) sternumTable(w io.Writer) {
	if r.count(recording.Sternum) == 0 {
		return
	}
	_, _ = fmt.Fprintln(w, "sternum\tminutes\trows\tseated s\tlabels s\toff %\tunknown s\tin gaps s\tepisodes\tnudges\tof these sent\tan hour\t")
	for i := range r.Files {
		f := &r.Files[i]
		if f.Kind != recording.Sternum {
			continue
		}
		_, _ = fmt.Fprintf(w, "%s\t%.1f\t%d\t%.1f\t%.1f\t%.2f\t%.1f\t%.1f\t%d\t%d\t%d\t%.1f\t\n", f.Name, f.Seconds/60, f.Judged,
			f.Seated.PipelineS, f.Seated.LabelsS, f.Seated.ErrorPct, f.Seated.UnknownS, f.Seated.GapsS,
			f.Episodes, len(f.Nudges), f.sent(), f.NudgesPerHour)
	}
	_, _ = fmt.Fprintln(w, "\t\t\t\t\t\t\t\t\t\t\t\t")
}

// notes writes what a reader has to know, each once.
func (r *Report) notes(out io.Writer) error {
	notes := []string{}
	if r.count(recording.Chest) > 0 {
		notes = append(notes, "moving seen: rows labelled walking or stairs that were seen as moving; still seen: rows labelled seated or standing seen as still",
			"chest: the first 30 s are dropped; the standing pose is the median of the rows labelled standing")
	}
	notes = append(notes, fmt.Sprintf("nudges: those that came or would have come, at speed %g; one that is over 2 minutes old by event time is held back as stale", r.Speed))
	for i := range r.Files {
		f := &r.Files[i]
		for _, n := range f.Notes {
			if text := string(f.Kind) + ": " + n; !slices.Contains(notes, text) {
				notes = append(notes, text)
			}
		}
		if f.Movement.Missing > 0 {
			notes = append(notes, fmt.Sprintf("%s: the engine has no posture of %d rows", f.Name, f.Movement.Missing))
		}
	}
	for _, n := range notes {
		if _, err := fmt.Fprintln(out, "-", n); err != nil {
			return fmt.Errorf("write replay notes: %w", err)
		}
	}
	return nil
}

func (r *Report) count(kind recording.Kind) int {
	n := 0
	for i := range r.Files {
		if r.Files[i].Kind == kind {
			n++
		}
	}
	return n
}

func (f *File) sent() int {
	n := 0
	for i := range f.Nudges {
		if a := f.Nudges[i].Action; a == schemas.ActionSent || a == schemas.ActionAmbiguous {
			n++
		}
	}
	return n
}
