package detect

import (
	"encoding/binary"
	"math"
)

// codec writes or reads the engine's state field by field, in one order that both
// share, so that they cannot differ. Numbers are little-endian and of fixed
// length. A new field goes to the end of its struct's list: an older state is
// then shorter, which reads as zeros, and the end of a newer one is not read.
type codec struct {
	b     []byte
	write bool
}

func u8[T ~uint8 | ~int8](c *codec, v *T) {
	if c.write {
		c.b = append(c.b, byte(*v))
		return
	}
	if b := c.next(1); b != nil {
		*v = T(b[0])
	}
}

func u16[T ~uint16 | ~int16](c *codec, v *T) {
	if c.write {
		c.b = binary.LittleEndian.AppendUint16(c.b, uint16(*v))
		return
	}
	if b := c.next(2); b != nil {
		*v = T(binary.LittleEndian.Uint16(b))
	}
}

func u32[T ~uint32 | ~int32](c *codec, v *T) {
	if c.write {
		c.b = binary.LittleEndian.AppendUint32(c.b, uint32(*v))
		return
	}
	if b := c.next(4); b != nil {
		*v = T(binary.LittleEndian.Uint32(b))
	}
}

func u64[T ~uint64 | ~int64](c *codec, v *T) {
	if c.write {
		c.b = binary.LittleEndian.AppendUint64(c.b, uint64(*v))
		return
	}
	if b := c.next(8); b != nil {
		*v = T(binary.LittleEndian.Uint64(b))
	}
}

func f32(c *codec, v *float32) {
	bits := math.Float32bits(*v)
	u32(c, &bits)
	*v = math.Float32frombits(bits)
}

// flags packs up to eight truths into a byte.
func flags(c *codec, truths ...*bool) {
	var b uint8
	for i, t := range truths {
		if *t {
			b |= 1 << i
		}
	}
	u8(c, &b)
	for i, t := range truths {
		*t = b&(1<<i) != 0
	}
}

// next takes n bytes; past the end there are none, and the rest stays as it is.
func (c *codec) next(n int) []byte {
	if len(c.b) < n {
		c.b = nil
		return nil
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

func (s *sample) code(c *codec) {
	u64(c, &s.At)
	u16(c, &s.Flexion)
	u16(c, &s.Lean)
	u16(c, &s.Curve)
	u16(c, &s.Is)
}

func (s *signals) code(c *codec) {
	for i := range s.Gravity {
		f32(c, &s.Gravity[i])
	}
	for i := range s.Upright {
		for j := range s.Upright[i] {
			u16(c, &s.Upright[i][j])
		}
	}
	s.Motion.code(c)
	s.Walk.code(c)
	u16(c, &s.Stepped)
	u16(c, &s.Quiet)
	u16(c, &s.OffFor)
	u8(c, &s.Is)
}

func (m *motion) code(c *codec) {
	for i := range m.RMS {
		u16(c, &m.RMS[i])
		u8(c, &m.Length[i])
	}
	u8(c, &m.Last)
	u16(c, &m.Since)
	u16(c, &m.N)
	f32(c, &m.Sum)
	f32(c, &m.SumQ)
}

func (w *walk) code(c *codec) {
	u32(c, &w.Flexion)
	u32(c, &w.Lean)
	u16(c, &w.For)
	u16(c, &w.FirstFlexion)
	u16(c, &w.FirstLean)
	u8(c, &w.Pose)
	u8(c, &w.Pieces)
}

// code is the state of the rules.
func (r *rules) code(c *codec) {
	r.Last.code(c)
	r.Signals.code(c)
	s, l, h, b := &r.Slouch, &r.Load, &r.Hold, &r.Bout
	u32(c, &s.Start)
	u32(c, &s.Dwell)
	f32(c, &s.Bent)
	u32(c, &s.ClearFrom)
	u16(c, &s.Clear)
	u16(c, &s.Moved)
	u8(c, &s.Level)
	u8(c, &s.Raised)
	f32(c, &l.F)
	f32(c, &l.S)
	u32(c, &l.Start)
	u8(c, &l.Level)
	f32(c, &h.H)
	u32(c, &h.Start)
	u16(c, &h.Last)
	u32(c, &b.Start)
	u32(c, &b.Len)
	u32(c, &b.AwayFrom)
	u32(c, &b.Away)
	u16(c, &b.Moved)
	u8(c, &b.Level)
	flags(c, &h.Open, &b.On, &b.Ended, &b.Risen, &r.Still.Has, &r.Still.Open)
	r.codeRest(c)
}

func (r *rules) codeRest(c *codec) {
	s, l, b := &r.Still, &r.Lean, &r.Bending
	u16(c, &s.Flexion)
	u16(c, &s.Lean)
	u32(c, &s.Len)
	u32(c, &s.Start)
	u32(c, &l.Start)
	u32(c, &l.Near)
	u32(c, &l.Far)
	u16(c, &l.NearClear)
	u16(c, &l.FarClear)
	u32(c, &l.ClearFrom)
	u8(c, &l.Side)
	u8(c, &l.Level)
	for i := range b.Counts {
		u8(c, &b.Counts[i])
	}
	u32(c, &b.Start)
	flags(c, &b.Open, &b.Up)
	u32(c, &r.Hydration.Worn)
	u32(c, &r.Hydration.Start)
	u32(c, &r.Battery.Start)
	u32(c, &r.Ask.Start)
	u8(c, &r.Ask.Cause)
	u8(c, &r.Ask.Crept[0])
	u8(c, &r.Ask.Crept[1])
	u16(c, &r.Slouch.Blind)
	u16(c, &r.Bout.Blind)
	u16(c, &r.Still.Blind)
}

// code is the open minute; of the histogram and the window what is in use.
func (m *minute) code(c *codec) {
	u64(c, &m.Minute)
	u64(c, &m.Bent)
	for _, ms := range []*int32{
		&m.Sitting, &m.Standing, &m.Moving, &m.NotWorn, &m.Upright, &m.Slouched, &m.Left, &m.Right, &m.Deep,
	} {
		u32(c, ms)
	}
	u32(c, &m.Longest)
	f32(c, &m.Peak)
	u8(c, &m.Breaks)
	u8(c, &m.Shifts)
	flags(c, &m.Fresh)
	m.codeHist(c)
	w := &m.Window
	u32(c, &w.Number)
	u8(c, &w.N)
	u8(c, &w.Slot)
	for i := range min(int(w.N), len(w.Flexion)) {
		u16(c, &w.Flexion[i])
		u16(c, &w.Lean[i])
	}
}

// codeHist is the bins between the first and the last that hold anything.
func (m *minute) codeHist(c *codec) {
	var from, to uint8
	if c.write && m.Upright|m.Slouched != 0 {
		for from < bins && m.Hist[from] == 0 {
			from++
		}
		for to = bins; to > from && m.Hist[to-1] == 0; {
			to--
		}
	}
	u8(c, &from)
	u8(c, &to)
	for i := int(from); i < min(int(to), bins); i++ {
		u16(c, &m.Hist[i])
	}
}
