package influx

import (
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
)

// points are points of one bucket in line protocol. Tags come in the order of their
// names, each point has a field and ends with end.
type points struct {
	enc  lineprotocol.Encoder
	ends []int // where each point ends
}

func newPoints() *points {
	p := &points{}
	p.enc.SetLax(true) // names are constants, and tags identifiers: word makes them such
	return p
}

func (p *points) reset() {
	p.enc.Reset()
	p.ends = p.ends[:0]
}

func (p *points) len() int { return len(p.ends) }

// bytes are all points, valid until the next reset.
func (p *points) bytes() []byte { return p.enc.Bytes() }

// part are the points from i to j.
func (p *points) part(i, j int) []byte {
	from := 0
	if i > 0 {
		from = p.ends[i-1]
	}
	return p.enc.Bytes()[from:p.ends[j-1]]
}

func (p *points) start(measurement string) { p.enc.StartLine(measurement) }

func (p *points) tag(name, value string) { p.enc.AddTag(name, value) }

func (p *points) int(name string, v int64) { p.enc.AddField(name, lineprotocol.IntValue(v)) }

// float leaves a number out that the protocol does not have. JSON has none either, so what
// has a body has been refused by then.
func (p *points) float(name string, v float64) {
	if value, ok := lineprotocol.FloatValue(v); ok {
		p.enc.AddField(name, value)
	}
}

// text replaces what the protocol does not have, bytes that are no UTF-8, and control
// characters: the library escapes some of them in a way that the server does not read
// back. No word that a build writes has any; a body is JSON, which has its own escapes.
func (p *points) text(name, v string) {
	if !plain(v) {
		v = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return unicode.ReplacementChar
			}
			return r
		}, strings.ToValidUTF8(v, string(unicode.ReplacementChar)))
	}
	value, _ := lineprotocol.StringValue(v) // it is UTF-8
	p.enc.AddField(name, value)
}

// plain reports whether a text comes back as it is.
func plain(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}

func (p *points) end(nanos int64) {
	p.enc.EndLine(time.Unix(0, nanos))
	p.ends = append(p.ends, len(p.enc.Bytes()))
}

// thousandths is v as a whole number: what is no number counts as none, and what is over
// 24 days or 2 million degrees as that.
func thousandths(v float32) int64 {
	if math.IsNaN(float64(v)) {
		return 0
	}
	return int64(min(max(math.Round(float64(v)*1000), -math.MaxInt32), math.MaxInt32))
}

func fromThousandths(n int64) float32 { return float32(float64(n) / 1000) }
