package ledger

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"sitwell/schemas"
)

// reading names a reading or an event.
type reading struct {
	device schemas.ID
	boot   uint32
	seq    uint64
}

func (r reading) String() string { return fmt.Sprintf("%s/%d/%d", r.device, r.boot, r.seq) }

// account is what the ledger holds of one wearer.
type account struct {
	key

	acked    map[reading]schemas.Item
	nudges   map[string]int // times that it reached a device, by nudge
	from, to time.Time      // of the readings
}

// wearers are all those in the ledger, in order.
func (l *Ledger) wearers() []key {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]key, 0, len(l.frames))
	for k := range l.frames {
		list = append(list, k)
	}
	slices.SortFunc(list, func(a, b key) int { return cmp.Or(a.org.Compare(b.org), a.wearer.Compare(b.wearer)) })
	return list
}

// account reads a wearer's frames back from the file.
func (l *Ledger) account(k key) (*account, error) {
	l.mu.Lock()
	offsets := slices.Clone(l.frames[k].offsets)
	l.mu.Unlock()
	a := &account{key: k, acked: map[reading]schemas.Item{}, nudges: map[string]int{}}
	for _, at := range offsets {
		frame, err := readFrame(io.NewSectionReader(l.file, at, header+maxFrame))
		if err == nil {
			err = a.take(frame)
		}
		if err != nil {
			return nil, fmt.Errorf("read ledger at %d: %w", at, err)
		}
	}
	return a, nil
}

func (a *account) take(frame []byte) error {
	if frame[0] == frameNudge {
		var n nudged
		if err := json.Unmarshal(frame[1:], &n); err != nil {
			return err
		}
		a.nudges[n.Nudge.ID]++
		return nil
	}
	var r schemas.RecordReader
	var b schemas.Batch
	if err := r.Reset(frame[1:]); err != nil {
		return err
	}
	if _, err := r.Next(&b); err != nil {
		return err
	}
	for _, it := range b.Items {
		id := reading{b.Device, b.Boot, it.Seq}
		if _, again := a.acked[id]; again {
			continue // a device may send the same twice; the first content counts
		}
		a.acked[id] = it
		if at := it.At(); a.from.IsZero() || at.Before(a.from) {
			a.from = at
		}
		if at := it.At(); at.After(a.to) {
			a.to = at
		}
	}
	return nil
}

// sentFor is for whom a reading was sent that Sent was told of: for the wearer it is
// asked about, if for that one, too.
func (l *Ledger) sentFor(k key, r reading) (wearer schemas.ID, sent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.sent[run{k.org, r.device, r.boot}]
	if of[k.wearer].has(r.seq) {
		return k.wearer, true
	}
	for w, s := range of {
		if s.has(r.seq) {
			return w, true
		}
	}
	return schemas.ID{}, false
}

// has reports whether a sequence number is one of them.
func (s *seqs) has(seq uint64) bool { return s != nil && seq >= s.first && seq <= s.last }
