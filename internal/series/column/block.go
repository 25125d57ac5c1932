package column

import "math/bits"

// groupSize is how many readings share one parameter of each column; see DESIGN.md of
// internal/series for the comparison.
const groupSize = 128

const (
	kBits  = 6
	kNone  = 1<<kBits - 1 // in place of a parameter: all values are the base
	maxK   = 32
	escape = 16 // as many ones, and a number with its length follows
)

// column is what a column's blocks carry on to the next one.
type column struct {
	last  uint64    // the last value
	bases [2]uint64 // of the last block of each order
}

// plan is how a block is to be coded.
type plan struct {
	order int // 0 the values, 1 their differences
	base  uint64
	k     uint // or kNone
	bits  uint64
}

// blockWriter codes blocks. Numbers are taken modulo 2^64, so that all of them, signed or not, come back.
type blockWriter struct {
	out    bitWriter
	deltas [groupSize]uint64
}

// write codes a column's values of a group.
func (w *blockWriter) write(c *column, values []uint64) {
	deltas := w.deltas[:len(values)]
	last := c.last
	for i, v := range values {
		deltas[i] = v - last
		last = v
	}
	c.last = last
	best := w.plan(c, 1, deltas)
	if plain := w.plan(c, 0, values); plain.bits < best.bits {
		best = plain
	}
	w.out.put(uint64(best.order), 1) //nolint:gosec // 0 or 1
	if best.base == c.bases[best.order] {
		w.out.put(1, 1)
	} else {
		w.out.put(0, 1)
		w.out.putLong(fold(best.base))
		c.bases[best.order] = best.base
	}
	w.out.put(uint64(best.k), kBits)
	if best.k == kNone {
		return
	}
	source := deltas
	if best.order == 0 {
		source = values
	}
	for _, v := range source {
		w.rice(fold(v-best.base), best.k)
	}
}

// rice codes one number: as many ones as the parameter leaves of it, a zero, and the rest.
func (w *blockWriter) rice(u uint64, k uint) {
	q := u >> k
	if q >= escape {
		w.out.put(1<<escape-1, escape)
		w.out.putLong(u)
		return
	}
	w.out.put(1<<q-1|(u&(1<<k-1))<<(q+1), uint(q)+1+k)
}

// plan finds a base and a parameter for values.
func (w *blockWriter) plan(c *column, order int, values []uint64) plan {
	p := plan{order: order, base: w.base(c.bases[order], values)}
	var count, sum [65]uint64 // of the numbers of each length
	longest := 0
	for _, v := range values {
		u := fold(v - p.base)
		n := bits.Len64(u)
		count[n]++
		sum[n] += u // wraps in lengths alone whose sum does not count
		longest = max(longest, n)
	}
	if p.base != c.bases[order] {
		p.bits = lengthBits + uint64(bits.Len64(fold(p.base))) //nolint:gosec // 0 to 64
	}
	if longest == 0 {
		p.k = kNone
		return p
	}
	least := uint64(1) << 63
	for k := range min(longest, maxK+1) {
		n := cost(&count, &sum, k, longest)
		if n < least {
			least, p.k = n, uint(k)
		}
	}
	p.bits += least
	return p
}

// cost is about how many bits the numbers take with parameter k.
func cost(count, sum *[65]uint64, k, longest int) uint64 {
	total := uint64(0)
	for n := range longest + 1 {
		switch c := count[n]; {
		case c == 0:
		case n-k > 4: // at least 16 times 2^k
			total += c * uint64(escape+lengthBits+n)
		case n <= k:
			total += c * uint64(k+1) //nolint:gosec // small
		default:
			total += c*uint64(k+1) + sum[n]>>k //nolint:gosec // small
		}
	}
	return total
}

// base is what the values lie around: the one of a few candidates that is closest to a sample of them.
func (w *blockWriter) base(before uint64, values []uint64) uint64 {
	candidates := [...]uint64{before, 0, values[len(values)/3], values[len(values)*2/3]}
	best, least := uint64(0), ^uint64(0)
	step := max(1, len(values)/16)
	for _, c := range candidates {
		total := uint64(0)
		for i := 0; i < len(values); i += step {
			total += min(fold(values[i]-c), 1<<40)
		}
		if total < least {
			best, least = c, total
		}
	}
	return best
}

// fold makes small numbers of both signs small: 0, -1, 1, -2, 2.
func fold(v uint64) uint64 { return v<<1 ^ uint64(int64(v)>>63) } //nolint:gosec // a two's complement number

func unfold(u uint64) uint64 { return u>>1 ^ -(u & 1) }

// blockReader takes blocks.
type blockReader struct{ in bitReader }

// read takes a column's values of a group.
func (r *blockReader) read(c *column, values []uint64) {
	order := r.in.take(1)
	if r.in.take(1) == 0 {
		c.bases[order] = unfold(r.in.takeLong())
	}
	base := c.bases[order]
	k := uint(r.in.take(kBits))
	switch {
	case k == kNone:
		for i := range values {
			values[i] = base
		}
	case k > maxK:
		r.in.bad = true
		return
	default:
		r.rice(values, base, k)
	}
	if order == 1 {
		last := c.last
		for i := range values {
			last += values[i]
			values[i] = last
		}
	}
	c.last = values[len(values)-1]
}

func (r *blockReader) rice(values []uint64, base uint64, k uint) {
	for i := range values {
		r.in.refill()
		q := uint(bits.TrailingZeros64(^r.in.acc))
		if q >= escape {
			r.in.skip(escape)
			values[i] = unfold(r.in.takeLong()) + base
			continue
		}
		rest := r.in.acc >> (q + 1) & (1<<k - 1)
		r.in.skip(q + 1 + k)
		values[i] = unfold(uint64(q)<<k|rest) + base
	}
}
