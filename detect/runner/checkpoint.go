package runner

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/fxamacker/cbor/v2"

	"sitwell/detect"
	"sitwell/schemas"
)

// A checkpoint of a partition is a head and chunks, each a key of the bucket.
// The chunks are written first, into the slot that the present head does not
// name, then the head: a crash in between leaves the old checkpoint whole.
//
// All keys are written by compare-and-set and carry who wrote them under which
// epoch. A new owner first writes the head as it is under its own name: from then
// on no earlier one can write it any more. See DESIGN.md, "The fence".
type head struct {
	Version int    `cbor:"1,keyasint"`
	Owner   string `cbor:"2,keyasint"` // the run of a Runner that wrote it
	Seq     uint64 `cbor:"3,keyasint"` // the last sequence the state holds
	Slot    int    `cbor:"4,keyasint"` // 0 or 1
	Chunks  int    `cbor:"5,keyasint"`
	// What follows is unknown to the version before, which ignores it and leaves it out.
	Epoch uint64 `cbor:"6,keyasint,omitempty"`
	Cut   uint64 `cbor:"7,keyasint,omitempty"` // Cut of its chunks; 0 is not known
	Log   string `cbor:"8,keyasint,omitempty"` // of which Seq is; "" is not known
}

type chunk struct {
	Owner   string  `cbor:"2,keyasint"`
	Wearers []saved `cbor:"3,keyasint"`
	// What follows is unknown to the version before.
	Epoch uint64 `cbor:"6,keyasint,omitempty"`
	Cut   uint64 `cbor:"7,keyasint,omitempty"` // Seq of the state that it is a part of
}

// saved is a wearer's state by detect.AppendState.
type saved struct {
	Org    schemas.ID `cbor:"1,keyasint"`
	Wearer schemas.ID `cbor:"2,keyasint"`
	State  []byte     `cbor:"3,keyasint"`
}

const (
	checkpointVersion = 1
	// chunkBytes keeps a chunk well below the server's max_payload of 1 MiB.
	chunkBytes = 256 << 10
)

var (
	errCheckpoint = errors.New("damaged or unknown checkpoint")
	errFenced     = errors.New("another detector has taken this partition over")
)

// fenced is that a key belongs to another owner.
type fenced struct {
	key   string
	epoch uint64 // the highest met
}

func (f *fenced) Error() string {
	return fmt.Sprintf("write %s: %v under epoch %d; run one detector on a log, or several with leases", f.key, errFenced, f.epoch)
}

func (f *fenced) Is(err error) bool { return err == errFenced }

// stamp is who wrote a key.
type stamp struct {
	Owner string `cbor:"2,keyasint"`
	Epoch uint64 `cbor:"6,keyasint"`
}

// stampOf is the stamp of a head or a chunk, zero where it cannot be read.
func stampOf(b []byte) stamp {
	var s stamp
	if cbor.Unmarshal(b, &s) != nil {
		return stamp{}
	}
	return s
}

func headKey(n int) string { return "detect." + strconv.Itoa(n) }

func chunkKey(n, slot, i int) string {
	return headKey(n) + "." + strconv.Itoa(slot) + "." + strconv.Itoa(i)
}

// encode is the state of a partition's wearers in chunks of about so many bytes.
func (p *partition) encode(owner string, bytes int) ([][]byte, error) {
	var all [][]byte
	c := chunk{Owner: owner, Epoch: p.epoch, Cut: p.seq}
	size := 0
	flush := func() error {
		b, err := cbor.Marshal(c)
		if err != nil {
			return fmt.Errorf("encode chunk: %w", err)
		}
		all, c.Wearers, size = append(all, b), c.Wearers[:0], 0
		return nil
	}
	for k, w := range p.wearers {
		state, err := w.AppendState(nil)
		if err != nil {
			return nil, err
		}
		c.Wearers = append(c.Wearers, saved{k.org, k.wearer, state})
		if size += len(state) + 128; size >= bytes {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	if len(c.Wearers) > 0 {
		if err := flush(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// decode brings the wearers of a chunk back. They have been silent from now on.
func (p *partition) decode(c *chunk, params Parameters) error {
	for _, s := range c.Wearers {
		generation := params.Generation()
		state, err := detect.DecodeWearer(s.State, params.Timeline(s.Org, s.Wearer))
		if err != nil {
			return fmt.Errorf("%w: %w", errCheckpoint, err)
		}
		p.wearers[key{s.Org, s.Wearer}] = &wearer{Wearer: state, generation: generation, touched: p.loaded}
	}
	return nil
}
