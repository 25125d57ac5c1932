package ledger

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"

	"sitwell/schemas"
)

// ErrClosed is what Acked and Nudged return after Close.
var ErrClosed = errors.New("the ledger is closed")

// Ledger is what was acknowledged, on disk.
type Ledger struct {
	file *os.File

	mu      sync.Mutex // guards what follows
	moved   *sync.Cond // synced has moved, or err is set
	writing bool       // one caller writes for all
	// buf is what is not written yet. It is bounded by the callers, each of whom
	// waits for its own frame.
	buf, spare  []byte
	end, synced int64 // of the file, with and without buf
	err         error // the first; nothing can be promised after it
	frames      map[key]*place
	sent        map[run]map[schemas.ID]*seqs // by wearer
	counts      Counts
}

// key names a wearer.
type key struct{ org, wearer schemas.ID }

// run is one run of a device.
type run struct {
	org, device schemas.ID
	boot        uint32
}

// seqs are the least and the greatest sequence number that were sent of a run.
type seqs struct{ first, last uint64 }

// place is where a wearer's frames are, in order.
type place struct{ offsets []int64 }

// Counts are what a ledger holds.
type Counts struct {
	Sent         int64 // readings and events that Sent was told of
	Acknowledged int64 // readings and events, each time they were acknowledged
	Nudges       int64 // that reached a device
	Wearers      int
}

// The kinds of frames.
const (
	frameReadings byte = 1 // a record of the log's own format with one batch
	frameNudge    byte = 2 // a nudged as JSON
)

// header is the length and the checksum of what follows it: kind and body.
const header = 8

// maxFrame is beyond any message of a device.
const maxFrame = 16 << 20

// nudged is a nudge that reached a device.
type nudged struct {
	Org, Wearer, Device schemas.ID
	Nudge               schemas.Nudge
}

// Open opens the ledger at path, or makes an empty one.
func Open(path string) (*Ledger, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	l := &Ledger{file: f, frames: map[key]*place{}, sent: map[run]map[schemas.ID]*seqs{}}
	l.moved = sync.NewCond(&l.mu)
	err = l.recover()
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open ledger %s: %w", path, err), f.Close())
	}
	return l, nil
}

// syncDir brings a new file's name to disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// recover reads the frames there are and cuts off what is torn.
func (l *Ledger) recover() error {
	in := bufio.NewReaderSize(l.file, 1<<20)
	for {
		frame, err := readFrame(in)
		if err != nil {
			break // torn, or the end
		}
		if err := l.index(frame, l.end); err != nil {
			return err
		}
		l.end += int64(header + len(frame))
	}
	l.synced = l.end
	if err := l.file.Truncate(l.end); err != nil {
		return err
	}
	_, err := l.file.Seek(l.end, io.SeekStart)
	return err
}

var errTorn = errors.New("the frame is torn")

func readFrame(in io.Reader) ([]byte, error) {
	var h [header]byte
	if _, err := io.ReadFull(in, h[:]); err != nil {
		return nil, err
	}
	n, sum := binary.BigEndian.Uint32(h[:4]), binary.BigEndian.Uint32(h[4:])
	if n == 0 || n > maxFrame {
		return nil, errTorn
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(in, b); err != nil {
		return nil, err
	}
	if crc32.ChecksumIEEE(b) != sum {
		return nil, errTorn
	}
	return b, nil
}

// index notes whose frame is at an offset.
func (l *Ledger) index(frame []byte, at int64) error {
	switch frame[0] {
	case frameReadings:
		var r schemas.RecordReader
		var b schemas.Batch
		if err := r.Reset(frame[1:]); err != nil {
			return err
		}
		if _, err := r.Next(&b); err != nil {
			return err
		}
		l.note(key{b.Org, b.Wearer}, at)
		l.counts.Acknowledged += int64(len(b.Items))
	case frameNudge:
		var n nudged
		if err := json.Unmarshal(frame[1:], &n); err != nil {
			return err
		}
		l.note(key{n.Org, n.Wearer}, at)
		l.counts.Nudges++
	default:
		return fmt.Errorf("frame of unknown kind %d at %d", frame[0], at)
	}
	return nil
}

func (l *Ledger) note(k key, at int64) {
	p := l.frames[k]
	if p == nil {
		p = &place{}
		l.frames[k] = p
	}
	p.offsets = append(p.offsets, at)
}

// Sent notes what is about to be sent, in memory: of it, what is never
// acknowledged may be stored or not. Without it whatever is stored and was not
// acknowledged is strange.
func (l *Ledger) Sent(org, wearer, device schemas.ID, boot uint32, items []schemas.Item) {
	if len(items) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts.Sent += int64(len(items))
	of := l.sent[run{org, device, boot}]
	if of == nil {
		of = map[schemas.ID]*seqs{}
		l.sent[run{org, device, boot}] = of
	}
	s := of[wearer]
	if s == nil {
		s = &seqs{items[0].Seq, items[0].Seq}
		of[wearer] = s
	}
	for i := range items {
		s.first, s.last = min(s.first, items[i].Seq), max(s.last, items[i].Seq)
	}
}

// Acked writes down what a broker has acknowledged to a device. It returns once
// that is on disk.
func (l *Ledger) Acked(org, wearer, device schemas.ID, boot uint32, items []schemas.Item) error {
	body, err := schemas.AppendBatch(schemas.NewRecord([]byte{frameReadings}),
		&schemas.Batch{Org: org, Wearer: wearer, Device: device, Boot: boot, Items: items})
	if err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return l.append(body)
}

// Nudged writes down a nudge that has reached a device. It returns once that is
// on disk.
func (l *Ledger) Nudged(org, wearer, device schemas.ID, n schemas.Nudge) error {
	body, err := json.Marshal(nudged{org, wearer, device, n})
	if err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return l.append(append([]byte{frameNudge}, body...))
}

// append adds a frame and waits until it is on disk. One of those who wait
// writes and fsyncs for all.
func (l *Ledger) append(frame []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	at := l.end
	l.buf = binary.BigEndian.AppendUint32(l.buf, uint32(len(frame))) //nolint:gosec // a message has 64 KiB
	l.buf = binary.BigEndian.AppendUint32(l.buf, crc32.ChecksumIEEE(frame))
	l.buf = append(l.buf, frame...)
	l.end += int64(header + len(frame))
	if err := l.index(frame, at); err != nil {
		return err
	}
	for mine := l.end; l.synced < mine && l.err == nil; {
		if l.writing {
			l.moved.Wait()
			continue
		}
		l.commit()
	}
	return l.err
}

// commit writes what there is, without the lock meanwhile.
func (l *Ledger) commit() {
	buf, end := l.buf, l.end
	l.buf, l.writing = l.spare[:0], true
	l.mu.Unlock()
	_, err := l.file.Write(buf)
	if err == nil {
		err = l.file.Sync()
	}
	l.mu.Lock()
	l.spare, l.writing = buf, false
	if err != nil && l.err == nil {
		l.err = fmt.Errorf("write ledger: %w", err)
	}
	if l.err == nil {
		l.synced = end
	}
	l.moved.Broadcast()
}

// Counts are what the ledger holds now.
func (l *Ledger) Counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counts
	c.Wearers = len(l.frames)
	return c
}

// Close closes the file. Who waits still gets an answer.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.writing {
		l.moved.Wait()
	}
	if l.err == nil {
		l.err = ErrClosed
	}
	l.moved.Broadcast()
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("close ledger: %w", err)
	}
	return nil
}
