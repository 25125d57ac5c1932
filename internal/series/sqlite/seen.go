package sqlite

import (
	"encoding/binary"
	"errors"
	"slices"
	"sort"
)

// blockBits is how many bits of a sequence number are within a block: a block
// bounds what one append rewrites, 64 kB if every other reading is missing. At
// 2 Hz it lasts nine hours.
const blockBits = 16

// span is a stretch of sequence numbers within a block, both ends included.
type span struct{ from, to uint16 }

// spans is a set of sequence numbers: in order, neither overlapping nor adjoining.
type spans []span

// add puts n into the set and reports whether it was missing.
func (s *spans) add(n uint16) bool {
	set := *s
	last := len(set) - 1
	if last >= 0 && n > set[last].to { // the usual case: one after the last
		if n == set[last].to+1 {
			set[last].to = n
		} else {
			*s = append(*s, span{n, n})
		}
		return true
	}
	i := sort.Search(len(set), func(i int) bool { return set[i].to >= n }) // the first that n may be in
	if i <= last && set[i].from <= n {
		return false
	}
	before := i > 0 && set[i-1].to+1 == n
	after := i <= last && n+1 == set[i].from
	switch {
	case before && after:
		set[i-1].to = set[i].to
		*s = slices.Delete(set, i, i+1)
	case before:
		set[i-1].to = n
	case after:
		set[i].from = n
	default:
		*s = slices.Insert(set, i, span{n, n})
	}
	return true
}

// has reports whether n is in the set.
func (s spans) has(n uint16) bool {
	i := sort.Search(len(s), func(i int) bool { return s[i].to >= n })
	return i < len(s) && s[i].from <= n
}

// encode is the set as bytes: for each span the numbers left out before it and
// its length less one.
func (s spans) encode(b []byte) []byte {
	next := 0
	for _, v := range s {
		b = binary.AppendUvarint(b, uint64(int(v.from)-next)) //nolint:gosec // spans are in order
		b = binary.AppendUvarint(b, uint64(v.to-v.from))
		next = int(v.to) + 1
	}
	return b
}

var errSpans = errors.New("damaged set of sequence numbers")

// decodeSpans reads what encode wrote.
func decodeSpans(b []byte) (spans, error) {
	var s spans
	next := uint64(0)
	for len(b) > 0 {
		skip, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errSpans
		}
		length, m := binary.Uvarint(b[n:])
		if m <= 0 || skip > 1<<blockBits || length > 1<<blockBits {
			return nil, errSpans
		}
		from := next + skip
		to := from + length
		if to >= 1<<blockBits || skip == 0 && next > 0 {
			return nil, errSpans
		}
		s = append(s, span{uint16(from), uint16(to)}) //nolint:gosec // checked above
		next, b = to+1, b[n+m:]
	}
	return s, nil
}
