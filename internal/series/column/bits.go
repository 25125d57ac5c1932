package column

import (
	"encoding/binary"
	"math/bits"
)

// bitWriter appends bits to bytes, the lowest first.
type bitWriter struct {
	b   []byte
	acc uint64 // the last bits, fewer than 64
	n   uint
}

// put appends the lowest n bits of v, at most 64; those above are to be zero.
func (w *bitWriter) put(v uint64, n uint) {
	w.acc |= v << w.n
	if w.n+n < 64 {
		w.n += n
		return
	}
	w.b = binary.LittleEndian.AppendUint64(w.b, w.acc)
	used := 64 - w.n
	w.acc, w.n = v>>used, n-used // a shift by 64 gives 0
}

// flush appends what is left, up to a whole byte.
func (w *bitWriter) flush() {
	for ; w.n > 0; w.n -= min(w.n, 8) {
		w.b = append(w.b, byte(w.acc)) //nolint:gosec // its lowest eight bits
		w.acc >>= 8
	}
	w.acc = 0
}

// putLong appends a number with its length, the shorter the smaller.
func (w *bitWriter) putLong(v uint64) {
	n := uint(bits.Len64(v))
	w.put(uint64(n), lengthBits)
	w.put(v, n)
}

// lengthBits hold the length of a number, 0 to 64.
const lengthBits = 7

// bitReader takes bits from bytes. Behind their end it gives zeros and bad is set.
type bitReader struct {
	b   []byte
	at  int    // of the next byte that is not in acc
	acc uint64 // the next bits
	n   uint   // how many of them are good; above, acc has zeros or bits that come again
	bad bool
}

func (r *bitReader) reset(b []byte) { *r = bitReader{b: b} }

// refill makes 56 bits good at least, or all that are left.
func (r *bitReader) refill() {
	if r.at+8 <= len(r.b) {
		r.acc |= binary.LittleEndian.Uint64(r.b[r.at:]) << r.n
		r.at += int((63 - r.n) >> 3)
		r.n |= 56
		return
	}
	for r.n <= 56 && r.at < len(r.b) {
		r.acc |= uint64(r.b[r.at]) << r.n
		r.at++
		r.n += 8
	}
}

// skip takes n bits, at most 63, which the caller has looked at in acc.
func (r *bitReader) skip(n uint) {
	if n > r.n {
		r.bad, r.acc, r.n, r.at = true, 0, 0, len(r.b)
		return
	}
	r.acc >>= n
	r.n -= n
}

// take takes n bits, at most 64.
func (r *bitReader) take(n uint) uint64 {
	if n > 32 {
		low := r.take(32)
		return low | r.take(n-32)<<32
	}
	r.refill()
	v := r.acc & (1<<n - 1)
	r.skip(n)
	return v
}

// takeLong takes what putLong put.
func (r *bitReader) takeLong() uint64 {
	n := uint(r.take(lengthBits))
	if n > 64 {
		r.bad = true
		return 0
	}
	return r.take(n)
}
